/** A server of Kubernetes as a process of this host, without a node, for all tests of `test/api`. */
import { once } from "node:events";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { kubernetesTree } from "../../../src/build/index.ts";
import { start } from "../../../src/process/run.ts";
import { freePort } from "../../../src/vm/ports.ts";
import { poll } from "../../../src/vm/wait.ts";

/** What tests need to reach the server. Its directory has the certificates and the keys of its authorities. */
export interface ServerPlace {
  readonly k3s: string;
  readonly port: number;
  readonly directory: string;
}

declare module "vitest" {
  export interface ProvidedContext {
    server: ServerPlace;
  }
}

const STARTED_MS = 120_000;
const STAGES = "/run/k3s/stages.json";

/** Starts the server before the tests; vitest calls what is returned after them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const k3s = join(await kubernetesTree(), "k3s");
  const directory = mkdtempSync(join(tmpdir(), "k3os-test-api-"));
  const port = await freePort();
  const place = { k3s, port, directory };
  const hadStages = existsSync(STAGES);
  const log = openSync(join(directory, "k3s.log"), "w");
  // The shell ends the server when its input ends, which it also does if this process is killed.
  const script = '"$@" 3<&- & server=$!; (cat <&3 >/dev/null; kill $server) & wait $server';
  const argv = ["sh", "-c", script, "k3s", k3s, ...serverArguments(place)];
  const child = start({ argv, env: environment(directory) }, { stdio: ["ignore", log, log, "pipe"] });
  closeSync(log);
  const ended = once(child, "exit");
  let status: number | undefined;
  void ended.then(([code]) => {
    status = code ?? 1;
  });
  const stop = async () => {
    child.stdio[3]?.destroy();
    await ended;
    rmSync(directory, { recursive: true, force: true });
    if (!hadStages) rmSync(STAGES, { force: true });
  };
  const ready = await poll(async () => status !== undefined || (await isReady(place)) || undefined, {
    timeoutMs: STARTED_MS,
    everyMs: 100,
  });
  if (ready === undefined || status !== undefined) {
    const lines = readFileSync(join(directory, "k3s.log"), "utf8").split("\n").slice(-20).join("\n");
    await stop();
    throw new Error(`The API did not get ready. The last lines of its log:\n${lines}`);
  }
  project.provide("server", place);
  return stop;
}

function serverArguments({ directory, port }: ServerPlace): string[] {
  return [
    ...["server", "--disable-agent", "--disable-scheduler", "--disable-controller-manager", "--node-name", "server"],
    ...["--data-dir", join(directory, "data"), "--write-kubeconfig", join(directory, "k3s.yaml")],
    ...["--bind-address", "127.0.0.1", "--https-listen-port", `${port}`],
  ];
}

/** Without the settings of whoever runs the tests. */
function environment(directory: string): Record<string, string | undefined> {
  const settings = Object.keys(process.env).filter((name) => /^(K3S_|KUBECONFIG)/.test(name));
  return { ...Object.fromEntries(settings.map((name) => [name, undefined])), TMPDIR: directory };
}

function isReady({ directory, port }: ServerPlace): Promise<boolean> {
  const tls = join(directory, "data/server/tls");
  const read = (name: string) => readFileSync(join(tls, name), "utf8");
  if (!existsSync(join(directory, "k3s.yaml"))) return Promise.resolve(false);
  const options = { ca: read("server-ca.crt"), cert: read("client-admin.crt"), key: read("client-admin.key") };
  return new Promise((resolve) => {
    const asked = request({ host: "127.0.0.1", port, path: "/readyz", agent: false, ...options }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode === 200));
    });
    asked.once("error", () => resolve(false));
    asked.setTimeout(5000, () => asked.destroy(new Error("no answer")));
    asked.end();
  });
}
