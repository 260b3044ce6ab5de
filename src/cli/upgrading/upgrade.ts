import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { quote } from "../../config/quote.ts";
import { K3osError } from "../../errors.ts";
import { PURPOSES, signatureOf } from "../../image/signing.ts";
import { outputOf } from "../../process/run.ts";
import type { Progress } from "../../progress.ts";
import type { Machine } from "../../vm/machine.ts";
import { commandFor } from "../../vm/name.ts";
import { poll } from "../../vm/wait.ts";
import { asStep } from "../progress/index.ts";
import { type NodeStatus, type Outcome, outcomeOf, phaseOf, type Tried } from "./outcome.ts";
import { filesToServe, serveImage } from "./serve.ts";

/** What `k3os upgrade --json` on the node answers. */
export interface Answer {
  readonly state: "current" | "staged" | "armed";
  readonly version: string;
  readonly digest: string;
  readonly slot: string;
}

/** A machine, as far as an upgrade needs it. */
export type Node = Pick<Machine, "name" | "ssh">;

export interface AskOptions {
  readonly stage?: boolean;
  readonly allowDowngrade?: boolean;
  readonly retry?: boolean;
  /** A public key that may sign this image, beside those of the node's config. */
  readonly key?: string;
  readonly signal: AbortSignal;
  readonly onLine?: (line: string) => void;
}

/** The workstation, as a machine's network has it (QEMU's user network). */
const WORKSTATION = "10.0.2.2";

/** Throws if the machine has no slots. */
export function requireDisk({ name, record }: Pick<Machine, "name" | "record">): void {
  if (record.boot.kind === "disk") return;
  throw new K3osError("usage", `The machine "${name}" does not run from a disk, so there is nothing to upgrade.`, {
    hint: `One that does: ${commandFor("down", name, "--purge")}, and then ${commandFor("up", name, "--disk")}`,
  });
}

/**
 * Hands the image in `directory` to the node and has it tried. The image is signed with the machine's own ssh key: with
 * that one is root on the node already. The node is told to take it for this image only.
 */
export async function sendImage(
  machine: Machine,
  directory: string,
  options: Omit<AskOptions, "key" | "onLine">,
  progress: Progress,
): Promise<Answer> {
  const { files, size } = requireImage(directory, await signWith(machine, directory));
  const mebibytes = (bytes: number) => Math.round(bytes / 2 ** 20);
  return asStep(
    progress,
    `Bring the image to ${machine.name}`,
    async (update) => {
      const server = await serveImage(files, (sent) => update(`${mebibytes(sent)} of ${mebibytes(size)} MiB`));
      try {
        const [type = "", key = ""] = readFileSync(`${machine.paths.sshKey}.pub`, "utf8").split(" ");
        const asked = { ...options, key: `${type} ${key}`, onLine: update };
        return await askNode(machine, `http://${WORKSTATION}:${server.port}`, asked);
      } finally {
        await server.close();
      }
    },
    ({ state }) => state,
  );
}

function requireImage(directory: string, signature: Uint8Array) {
  const files = filesToServe(directory, signature);
  const missing = Object.values(files).find((file) => typeof file === "string" && !existsSync(file));
  if (missing !== undefined) throw noImage(directory, `there is no ${missing}`);
  const { files: parts = {} } = JSON.parse(readFileSync(join(directory, "image.json"), "utf8")) as {
    files?: Record<string, { size?: number }>;
  };
  return { files, size: Object.values(parts).reduce((sum, { size = 0 }) => sum + size, 0) };
}

function noImage(directory: string, why: string): K3osError {
  return new K3osError("usage", `${directory} is no image: ${why}.`, {
    hint: "Make one: ./k3os build --format dir -o DIR",
  });
}

async function signWith({ tools, paths }: Machine, directory: string): Promise<Uint8Array> {
  const described = join(directory, "image.json");
  if (!existsSync(described)) throw noImage(directory, `there is no ${described}`);
  const work = mkdtempSync(join(tmpdir(), "k3os-upgrade-"));
  try {
    const file = join(work, "image.json");
    writeFileSync(file, readFileSync(described));
    const { namespace } = PURPOSES.image;
    const command = tools.command(["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", paths.sshKey, file]);
    const { status, stderr } = await outputOf(command);
    if (status !== 0) throw new K3osError("host", `The image could not be signed: ${stderr.trim()}`);
    return readFileSync(signatureOf(file));
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** Runs `k3os upgrade` on the node. It answers before it restarts; that ends the connection. */
export async function askNode(node: Node, place: string, options: AskOptions): Promise<Answer> {
  const { stage, allowDowngrade, retry, key, signal, onLine } = options;
  const words = [
    ...["sudo", "k3os", "upgrade", "--json"],
    ...(stage ? ["--stage"] : []),
    ...(allowDowngrade ? ["--allow-downgrade"] : []),
    ...(retry ? ["--retry"] : []),
    ...(key === undefined ? [] : ["--key", key]),
    place,
  ];
  const { stdout, stderr } = await node.ssh(words.map(quote).join(" "), { signal, onErrorLine: onLine });
  const line = stdout.split("\n").find((text) => text.startsWith("{"));
  if (line !== undefined) return JSON.parse(line) as Answer;
  throw refusal(node.name, stderr);
}

/** The node's own words and its way out, which come after its progress. */
function refusal(name: string, stderr: string): K3osError {
  const lines = stderr.trim().split("\n");
  const start = lines.findLastIndex((text) => text.startsWith("k3os: "));
  const [said = "", ...hint] = lines.slice(start === -1 ? -1 : start);
  return new K3osError("machine", `"${name}" refuses: ${said.replace(/^k3os: /, "") || "it gave no reason"}`, {
    ...(hint.length > 0 && { hint: `It says: ${hint.join(" ")}` }),
  });
}

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly everyMs?: number;
  readonly signal: AbortSignal;
  readonly alive?: () => boolean;
  readonly onPhase?: (phase: string) => void;
}

/** The node's status; `undefined` if it does not answer, as while it restarts. */
export async function statusOf(node: Node, signal: AbortSignal): Promise<NodeStatus | undefined> {
  const { stdout } = await node.ssh("sudo k3os status --json", { timeoutMs: 30_000, signal });
  const line = stdout.split("\n").find((text) => text.startsWith("{"));
  return line === undefined ? undefined : (JSON.parse(line) as NodeStatus);
}

/** Waits across the restarts of the machine until the trial is kept, or the image before runs again. */
export async function awaitOutcome(node: Node, tried: Tried, options: WaitOptions): Promise<Outcome> {
  const { timeoutMs, everyMs = 5000, signal, alive = () => true, onPhase } = options;
  let phase = "";
  const outcome = await poll(
    async () => {
      if (!alive()) {
        throw new K3osError("machine", `The machine "${node.name}" switched itself off during the trial.`, {
          hint: `Its console: ${commandFor("logs", node.name)}`,
        });
      }
      const status = await statusOf(node, signal);
      phase = phaseOf(status);
      onPhase?.(phase);
      return status && outcomeOf(status, tried);
    },
    { timeoutMs, everyMs, signal },
  );
  if (outcome !== undefined) return outcome;
  throw new K3osError(
    "machine",
    `The trial of ${tried.version} was not decided after ${Math.round(timeoutMs / 1000)} s: ${phase}.`,
    { hint: `It goes on. See how it ends: ${commandFor("ssh", node.name, "-- sudo k3os status")}` },
  );
}
