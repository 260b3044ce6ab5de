/** Test support: a disk in memory, the boot menu that it is started by, and power cuts. */
import type { Host } from "../../host/host.ts";
import { type MemoryHost, memoryHost, type Program } from "../../host/memory.ts";
import { formatBootEnv, type SlotName, slotToBoot } from "../../image/boot-env.ts";
import { IMAGE_FILES, KERNEL_FILES } from "../../image/disk.ts";
import { BOOT_ENV, parseSlotRecord, SLOT_FILE, slotDirectory } from "../../image/grub.ts";
import { formatImageJson, type ImageJson } from "../../image/image-json.ts";
import { channelPath, formatIndex, imagePath } from "../../image/index-json.ts";
import { silent } from "../../progress.ts";
import type { SourceImage } from "../images/image.ts";
import { TRIAL_KEPT } from "../places.ts";
import { diskPrograms, sumOf } from "../testing.ts";
import { readEnv } from "./env.ts";
import { stageImage } from "./stage.ts";

/** The ESP as its partition, and where the installer of these tests has mounted it. */
const ESP = "/esp";
export const PLACES = { esp: ESP, state: "/run/k3os/state" } as const;
export const FULL = { ifFull: "Make room.", progress: silent };

/** While this file exists, the state partition has 1000 free kilobytes, and more for each directory that is removed. */
export const NEARLY_FULL = "/nearly-full";

/** `ln -s`, which fails if there is something already. */
export const linkIn =
  (host: () => Host): Program =>
  ([, , target = "", path = ""]) => {
    if (host().stat(path)) return { status: 1 };
    host().symlink(target, path);
    return {};
  };

/** A running node with a state partition, and no slot yet. */
export function diskInMemory(): MemoryHost {
  const removed: string[] = [];
  const host: MemoryHost = memoryHost({
    now: Date.UTC(2026, 10, 29),
    files: {
      "/proc/mounts": "/dev/vda3 /run/k3os/state ext4 rw 0 0\n",
      "/proc/cmdline": "quiet\n",
      "/proc/sys/kernel/random/boot_id": "boot-1\n",
      "/dev/vda2": "",
      "/proc/100/stat": `100 (qjs) S ${"0 ".repeat(30)}\n`,
      "/sys/devices/pci/block/vda/vda3/partition": "3\n",
    },
    programs: {
      ...diskPrograms(() => host),
      df: () => {
        const free = (host.stat(NEARLY_FULL) ? 1000 : 1 << 20) + removed.length * 100_000;
        return { stdout: `Filesystem blocks used free capacity at\n/dev/x 9 1 ${free} 1% /\n` };
      },
      mount: (argv) => {
        const target = argv.at(-1) ?? "";
        // The directory of a mount cannot be removed, so a second one there would stay.
        if (host.stat(target)?.type === "link") return { status: 32, stderr: `${target} is mounted already` };
        host.remove(target);
        host.symlink(ESP, target);
        return {};
      },
      // Leaves an empty directory.
      umount: ([, target = ""]) => {
        host.remove(target);
        host.mkdir(target);
        return {};
      },
      rmdir: ([, target = ""]) => {
        if (host.stat(target)?.type !== "directory" || host.list(target).length > 0) return { status: 1 };
        host.remove(target);
        return {};
      },
      ln: linkIn(() => host),
    },
  });
  const { remove } = host;
  host.remove = (path) => {
    if (host.stat(path)?.type === "directory") removed.push(path);
    remove(path);
  };
  for (const path of [ESP, "/run/k3os", "/sys/block", "/sys/class/block"]) host.mkdir(path);
  host.symlink("100", "/proc/self");
  host.symlink("../devices/pci/block/vda", "/sys/block/vda");
  host.symlink("../../devices/pci/block/vda/vda3", "/sys/class/block/vda3");
  return host;
}

/** An image whose files all say `version-build`, put at `/image/version-build`. */
export function imageOf(host: Host, version: string, build = "a"): SourceImage {
  const content = `${version}-${build}`;
  const directory = `/image/${content}`;
  const sums = { sha256: sumOf(content), size: content.length };
  const json: ImageJson = {
    ...{ format: 1, version, architecture: "amd64", flavour: "cloud", time: 1, lock: content, packages: [] },
    kernel: { release: "6.12", arguments: ["nosmt"] },
    kubernetes: { source: "upstream" },
    files: { vmlinuz: sums, initrd: sums, "root.squashfs": sums },
  };
  const text = formatImageJson(json);
  host.mkdir(directory);
  for (const name of IMAGE_FILES) host.write(`${directory}/${name}`, name === "image.json" ? text : content);
  return { directory, json, digest: `sha256:${sumOf(text)}`, size: 3 * content.length };
}

/** Puts an image at /www, and the index of a channel `stable` that has only this one, until `expires`. */
export function publishImage(host: Host, version: string, expires: string): void {
  const image = imageOf(host, version);
  const release = { version, digest: image.digest, architecture: "amd64", kubernetes: "v1.37.2" } as const;
  const directory = `/www/${imagePath(release)}`;
  host.mkdir(directory);
  for (const name of host.list(image.directory)) {
    host.write(`${directory}/${name}`, host.read(`${image.directory}/${name}`));
  }
  host.mkdir("/www/channels");
  const index = { format: 1, channel: "stable", version: Number.parseInt(version, 10), releases: [release] } as const;
  host.write(`/www/${channelPath("stable")}`, formatIndex({ ...index, expires, latest: version }));
}

/** A node that runs 1.0 from slot a. */
export async function installedDisk(): Promise<MemoryHost> {
  const host = diskInMemory();
  await stageImage(host, PLACES, imageOf(host, "1.0"), FULL);
  host.write(`${ESP}${BOOT_ENV}`, formatBootEnv({ good: "a" }));
  powerOn(host);
  return host;
}

/** What a slot's files say, each once: a single text if it is whole and of one build; none if it does not count. */
export function contentOf(host: Host, slot: SlotName): string[] {
  const directory = `${ESP}${slotDirectory(slot)}`;
  if (host.stat(`${directory}/${SLOT_FILE}`) === undefined) return [];
  const { system } = parseSlotRecord(host.readText(`${directory}/${SLOT_FILE}`)) ?? { system: "/none" };
  const paths = [
    ...Object.keys(KERNEL_FILES).map((name) => `${directory}/${name}`),
    ...["root.squashfs", "image.json"].map((name) => `${PLACES.state}${system}/${name}`),
  ];
  return [...new Set(paths.map((path) => (host.stat(path) ? said(host.readText(path)) : "missing")))];
}

/** What an image's file says. */
const said = (text: string) => (text.startsWith("{") ? (JSON.parse(text) as ImageJson).lock : text);

/** What the boot menu starts, and writes down before: `slot`, whether it is a trial, and what its files say. */
export function powerOn(host: Host): { readonly slot: SlotName; readonly trial: boolean; readonly content: string } {
  forgetProcesses(host);
  const env = readEnv(host, ESP);
  const choice = slotToBoot(env, (slot) => contentOf(host, slot).length > 0);
  if (choice === undefined) throw new Error("no slot is whole");
  if (choice.trial && env !== undefined)
    host.write(`${ESP}${BOOT_ENV}`, formatBootEnv({ ...env, left: (env.left ?? 0) - 1, stage: undefined }));
  const content = contentOf(host, choice.slot).join(" and ");
  const { system } = parseSlotRecord(host.readText(`${ESP}${slotDirectory(choice.slot)}/${SLOT_FILE}`)) ?? {};
  const words = [`k3os.root=UUID=x:${system}/root.squashfs`, `k3os.slot=${choice.slot}`, "quiet"];
  host.write("/proc/cmdline", `${[...words, ...(choice.trial ? ["k3os.trial"] : [])].join(" ")}\n`);
  host.remove(TRIAL_KEPT);
  host.mkdir("/usr/share/k3os");
  host.write("/usr/share/k3os/image.json", JSON.stringify({ version: content.split("-")[0] }));
  return { ...choice, content };
}

/** What processes that have ended leave in memory: mounted ESPs and locks. */
export function forgetProcesses(host: Host): void {
  for (const name of host.list("/run/k3os")) {
    if (name.startsWith("esp-") || name.includes(".lock")) host.remove(`/run/k3os/${name}`);
  }
}

/** Operations that change a disk; a power cut may come before any of them. */
const CHANGES = ["write", "mkdir", "remove", "symlink", "rename", "exec"] as const;

export class PowerCut extends Error {}

/** The same host, which loses power before the `nth` change. */
export function cutBefore(host: MemoryHost, nth: number): Host {
  let left = nth;
  const cut: Record<string, unknown> = { ...host };
  for (const name of CHANGES) {
    cut[name] = (...args: unknown[]) => {
      if (left-- <= 0) throw new PowerCut();
      return (host[name] as (...args: unknown[]) => unknown)(...args);
    };
  }
  return cut as unknown as Host;
}

/**
 * Does `work` on a fresh `host` again and again, and cuts the power before its first change, its second, and so on,
 * until it is done without one. `after` sees each disk that a cut has left. Returns how many cuts there were.
 */
export async function withEveryCut(
  fresh: () => Promise<MemoryHost>,
  work: (host: Host) => Promise<unknown>,
  after: (host: MemoryHost) => Promise<void>,
): Promise<number> {
  for (let cuts = 0; ; cuts++) {
    const host = await fresh();
    try {
      await work(cutBefore(host, cuts));
      return cuts;
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
    forgetProcesses(host);
    await after(host);
  }
}
