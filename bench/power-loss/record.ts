import { createReadStream, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, dirname, join } from "node:path";
import { type BuiltImage, build, buildIso } from "../../src/build/index.ts";
import { runCommand } from "../../src/process/run.ts";
import type { Machine } from "../../src/vm/machine.ts";
import type { Disk } from "../../src/vm/qemu.ts";
import { throwAway } from "../../src/vm/throw-away.ts";
import { poll } from "../../src/vm/wait.ts";
import { STUBS, type StubName, stubSpec } from "./stub.ts";

/** What one machine has written. */
export interface Session {
  /** The disk as it was before, a raw file. */
  readonly base: string;
  readonly log: string;
  /** In their order: what is done from this place of the log on. */
  readonly marks: readonly Mark[];
}

export interface Mark {
  readonly operation: string;
  /** Bytes of the log before it. */
  readonly at: number;
}

export interface Recording {
  readonly images: Readonly<Record<StubName, BuiltImage>>;
  readonly sessions: readonly Session[];
}

const DISK_MIB = 2560;
/** Of every machine. */
export const SETTINGS = "k3os: { upgrade: { unsigned: true, stable_for: 15s } }\n";

export interface RecordOptions {
  /** Receives the recording. One that is there already is taken as it is. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly update: (what: string) => void;
}

/** Records an installation, and then the life of that disk: a trial that is kept, one that is not, and more. */
export async function record({ directory, signal, update }: RecordOptions): Promise<Recording> {
  update("images");
  const images = {} as Record<StubName, BuiltImage>;
  for (const name of STUBS) images[name] = await build({ spec: stubSpec(name), usualFlavour: "cloud", signal });
  const noted = join(directory, "recording.json");
  if (existsSync(noted)) {
    const { dirs, sessions } = JSON.parse(readFileSync(noted, "utf8")) as Noted;
    // What is built meanwhile may be another image.
    for (const name of STUBS) images[name] = { ...images[name], dir: dirs[name] };
    return { images, sessions };
  }
  const sessions = [
    await session(directory, "install", undefined, (disk, mark) => install(images, disk, mark, signal, update)),
    await session(directory, "life", join(directory, "install.disk"), (disk, mark) =>
      live(images, disk, mark, signal, update),
    ),
  ];
  const dirs = { first: images.first.dir, second: images.second.dir, ill: images.ill.dir };
  writeFileSync(noted, JSON.stringify({ dirs, sessions } satisfies Noted));
  return { images, sessions };
}

/** A recording, in its directory. */
interface Noted {
  /** Of the images. */
  readonly dirs: Readonly<Record<StubName, string>>;
  readonly sessions: readonly Session[];
}

type Note = (operation: string) => void;

async function session(
  directory: string,
  name: string,
  from: string | undefined,
  work: (disk: Disk, mark: Note) => Promise<void>,
): Promise<Session> {
  const [base, file, log] = ["base", "disk", "log"].map((kind) => join(directory, `${name}.${kind}`)) as [
    string,
    string,
    string,
  ];
  if (from === undefined) emptyFile(base, DISK_MIB * 2 ** 20);
  else await runCommand(["cp", "--sparse=always", from, base]);
  await runCommand(["cp", "--sparse=always", base, file]);
  emptyFile(log, 0);
  const marks: Mark[] = [];
  await work({ file, format: "raw", serial: "target", bootIndex: 1, writeLog: log }, (operation) =>
    marks.push({ operation, at: statSync(log).size }),
  );
  return { base, log, marks };
}

function emptyFile(file: string, size: number): void {
  writeFileSync(file, "");
  truncateSync(file, size);
}

type Images = Recording["images"];

/** The installer is started without firmware and menu. */
async function install(
  images: Images,
  disk: Disk,
  mark: Note,
  signal: AbortSignal,
  update: (what: string) => void,
): Promise<void> {
  update("install");
  const { dir } = await buildIso({ spec: stubSpec("first"), usualFlavour: "cloud", signal });
  const append = "k3os.root=LABEL=K3OS:/k3os/system/current/root.squashfs k3os.mode=install";
  const iso: Disk = { file: join(dir, "k3os.iso"), format: "raw", serial: "iso", readOnly: true };
  mark("install");
  const { machine, dispose } = await throwAway({
    ...{ image: images.first, signal, wait: false, disks: [iso, disk] },
    boot: { kind: "image", dir: images.first.dir, append },
    config: 'k3os: { install: { silent: true, device: "serial=target", power_off: true } }\n',
  });
  try {
    const ended = await poll(() => (machine.state === "running" ? undefined : true), {
      ...{ timeoutMs: 400_000, everyMs: 200, signal },
    });
    if (ended !== true || !/^k3OS is installed on /m.test(machine.serial.text()))
      throw new Error(`not installed:\n${machine.serial.text().slice(-2000)}`);
  } finally {
    await dispose();
  }
}

/** One machine from its first boot on. It is never switched off, so that one log has everything. */
async function live(
  images: Images,
  disk: Disk,
  mark: Note,
  signal: AbortSignal,
  update: (what: string) => void,
): Promise<void> {
  const step = (operation: string) => {
    update(operation);
    mark(operation);
  };
  const served = await serveImages(images);
  step("first boot");
  const { machine, dispose } = await throwAway({
    ...{ image: images.first, signal, wait: false, disks: [disk] },
    ...{ boot: { kind: "disk", firmware: "bios" }, config: SETTINGS },
  });
  const node = nodeOf(machine, signal);
  try {
    await node.answers();
    step("stage");
    await node.run(`k3os upgrade ${served.url}/second --stage`);
    step("arm");
    await node.run(`k3os upgrade ${served.url}/second --no-reboot`);
    step("trial");
    await node.restarts(() => node.run("reboot"));
    step("commit");
    await node.waits("test -e /run/k3os/trial-kept");
    step("rollback");
    await node.run("k3os rollback --no-reboot");
    await node.run("k3os rollback --no-reboot");
    step("stage over a used slot");
    await node.run(`k3os upgrade ${served.url}/ill --stage`);
    step("arm");
    await node.run(`k3os upgrade ${served.url}/ill --no-reboot`);
    step("trial");
    await node.restarts(() => node.run("reboot"));
    await node.waits("grep -q k3os.trial /proc/cmdline");
    step("return");
    await node.restarts(() => node.run("k3os rollback"));
    await node.waits("! grep -q k3os.trial /proc/cmdline");
    step("prune");
    await node.run("mkdir -p /run/k3os/state/k3os/system/0.1.0-12345678 /run/k3os/state/k3os/upgrade/image");
    await node.run("cp /run/k3os/state/k3os/system/current/* /run/k3os/state/k3os/system/0.1.0-12345678/; sync");
    await node.run("k3os prune");
    step("shutdown");
    if (!(await machine.stop({ graceMs: 120_000, signal }))) throw new Error("the machine did not switch off");
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${machine.serial.text().slice(-3000)}`);
  } finally {
    served.server.close();
    await dispose();
  }
}

/** How a machine is used over ssh. */
export function nodeOf(machine: Machine, signal: AbortSignal) {
  const ask = (command: string) => machine.ssh(command, { timeoutMs: 300_000, signal });
  const waits = async (command: string) => {
    const answer = await poll(async () => ((await ask(command)).status === 0 ? true : undefined), {
      ...{ timeoutMs: 300_000, everyMs: 1000, signal },
    });
    if (answer !== true) throw new Error(`${command} did not come true`);
  };
  const bootId = async () => (await ask("cat /proc/sys/kernel/random/boot_id")).stdout;
  return {
    waits,
    answers: () => waits("true"),
    async run(command: string): Promise<void> {
      const { status, stdout, stderr } = await ask(`sudo sh -c '${command}'`);
      // A restart ends the connection.
      if (status !== 0 && status !== 255) throw new Error(`${command} ended with ${status}\n${stdout}${stderr}`);
    },
    /** Returns once another boot answers. */
    async restarts(restart: () => Promise<void>): Promise<void> {
      const before = await bootId();
      await restart();
      const isNew = async () => {
        const now = await bootId();
        return now !== "" && now !== before ? true : undefined;
      };
      if ((await poll(isNew, { timeoutMs: 300_000, everyMs: 1000, signal })) !== true)
        throw new Error("the machine did not come back");
    },
  };
}

/** Hands out each image at its name. Machines reach this host as 10.0.2.2. */
export async function serveImages(images: Images): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    const name = STUBS.find((stub) => stub === basename(dirname(path)));
    const file = name === undefined ? "" : join(images[name].dir, basename(path));
    if (existsSync(file)) createReadStream(file).pipe(response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, url: `http://10.0.2.2:${(server.address() as AddressInfo).port}` };
}
