import { join } from "node:path";
import { expect } from "vitest";
import { sha256File } from "../../../src/build/digest.ts";
import { type BuiltImage, build, type SectorSize } from "../../../src/build/index.ts";
import { type Disk, lateTimer } from "../../../src/vm/qemu.ts";
import { poll } from "../../../src/vm/wait.ts";
import { rawDisk } from "./disks.ts";
import { eventually } from "./eventually.ts";
import type { TestMachine } from "./machine.ts";
import { type Served, serveDirectory } from "./serve.ts";
import { type Fault, stubImage } from "./stub-k3s.ts";

/** A file that makes the check of this config fail. */
export const UNHAPPY = "/var/lib/unhappy";

/** Trials are kept at once. How long one may take is for a test to say: a busy host is slow. */
const baked = `k3os:
  upgrade:
    unsigned: true
    stable_for: 1s
    checks: [{ name: happy, command: "[ ! -e ${UNHAPPY} ] || { echo it is not; exit 1; }" }]
`;

/** A disk of the stub image `good`, for trials of other images. */
export async function stubDisk(directory: string, sectorSize: SectorSize = 512): Promise<Disk> {
  const options = { spec: stubImage("good"), arguments: [lateTimer], config: baked, sectorSize };
  return { ...(await rawDisk(directory, options, 3072)), sectorSize };
}

/** An image that a web server on this host has. */
export interface Release extends Served {
  readonly image: BuiltImage;
  /** As the machine sees it. */
  readonly url: string;
  /** `sha256:…` of its `image.json`. */
  readonly digest: string;
}

/** Builds a stub image, and serves it until it is closed. */
export async function release(name: string, fault?: Fault): Promise<Release> {
  return served(await build({ spec: stubImage(name, fault), usualFlavour: "cloud" }));
}

export async function served(image: BuiltImage): Promise<Release> {
  const server = await serveDirectory(image.dir);
  const digest = `sha256:${await sha256File(join(image.dir, "image.json"))}`;
  return { ...server, image, digest, url: `http://10.0.2.2:${server.port}` };
}

/** What `k3os status --json` says of slots. */
export interface SlotsTold {
  readonly slots: readonly {
    readonly slot: "a" | "b";
    readonly digest: string;
    readonly state: string;
    readonly running: boolean;
    readonly reason?: string;
    readonly stage?: string;
  }[];
  readonly last_upgrade?: {
    readonly digest: string;
    readonly result: string;
    readonly reason?: string;
    readonly stage?: string;
    readonly downtime_s?: number;
  };
}

export async function slotsOf(node: TestMachine): Promise<SlotsTold> {
  return JSON.parse(await node.node("sudo k3os status --json || true"));
}

/** The slot that runs. */
export async function running(node: TestMachine): Promise<SlotsTold["slots"][number] | undefined> {
  return (await slotsOf(node)).slots.find((slot) => slot.running);
}

/** Runs a command that restarts the machine, and returns what it said before. */
export async function restarting(node: TestMachine, command: string): Promise<string> {
  // The connection may end before the command does.
  const { stdout, stderr } = await node.machine.ssh(`sudo ${command}`);
  return stdout + stderr;
}

/** How the trial of an image ends. */
export interface End {
  readonly digest: string;
  readonly result: "committed" | "returned";
  readonly seconds?: number;
}

/** Runs a command that restarts the machine into a trial, and waits until that has ended so and a kept slot runs. */
export async function tried(
  node: TestMachine,
  command: string,
  { digest, result, seconds = 300 }: End,
): Promise<SlotsTold & { readonly said: string }> {
  const bootId = await node.bootId();
  const said = await restarting(node, command);
  return { ...(await decided(node, bootId, { digest, result, seconds })), said };
}

/** Waits until a trial after this boot has ended so, and a kept slot runs. */
export async function decided(
  node: TestMachine,
  bootId: string,
  { digest, result, seconds = 300 }: End,
): Promise<SlotsTold> {
  // The status of the boot before tells of an earlier trial.
  await node.bootAfter(bootId, seconds);
  const { serial } = node.machine;
  let heard = 0;
  const look = async () => {
    heard = serial.text().length;
    const told = await slotsOf(node);
    expect(told.last_upgrade).toMatchObject({ digest, result });
    expect(told.slots.find((slot) => slot.running)).toMatchObject({ state: "current" });
    return told;
  };
  const news = () => (serial.text().length === heard ? undefined : true);
  return eventually(look, seconds, () => poll(news, { timeoutMs: QUIET_MS, everyMs: 1000 }));
}

/**
 * A trial says each news on the console. Asking for its status takes an emulated processor two seconds, in which the
 * trial waits.
 */
const QUIET_MS = 20_000;
