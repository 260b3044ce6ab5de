import { K3osError } from "../../errors.ts";

/** Where the root's squashfs is. */
export type RootSource =
  /** A file on a volume with this label. */
  | { readonly kind: "label"; readonly label: string; readonly path: string }
  /** A file on the volume with this UUID. */
  | { readonly kind: "uuid"; readonly uuid: string; readonly path: string }
  /** A virtio disk with this serial, which is the squashfs itself. */
  | { readonly kind: "serial"; readonly serial: string }
  /** A file on a server, which the initrd of a netboot set fetches into memory. */
  | { readonly kind: "url"; readonly url: string };

/**
 * `local`: written files persist on the state partition. In the other modes they are kept in memory; `install` offers
 * to install k3OS.
 */
export type Mode = "live" | "install" | "local";

/** Whether to wipe the persistent data, once or at every boot. The flag files have the same names. */
export type Wipe = "factory-reset" | "ephemeral";

export interface BootArguments {
  /** `undefined`: the default label. */
  readonly root: RootSource | undefined;
  /** `undefined`: what the volumes suggest. */
  readonly mode: Mode | undefined;
  /** The mode if no state partition is found. */
  readonly fallbackMode: Mode | undefined;
  readonly wipe: Wipe | undefined;
  /** Open a shell first. */
  readonly rescue: boolean;
  readonly debug: boolean;
  /** Mount the files that the initrd contains over the root (`./k3os up --dev`). */
  readonly dev: boolean;
  /** This boot is a trial: of an image that is not kept yet. The boot menu says so. */
  readonly trial: boolean;
  /** MAC address of the card that the machine booted from; boot loaders pass it in `BOOTIF`. */
  readonly bootCard: string | undefined;
}

/** The values of `k3os.mode=`. Old k3OS had `disk` for the first half of a boot that ended as `local`. */
const MODES: Readonly<Record<string, Partial<BootArguments>>> = {
  live: { mode: "live" },
  install: { mode: "install" },
  disk: { mode: "local" },
  local: { mode: "local" },
  shell: { rescue: true },
  rescue: { rescue: true },
  "factory-reset": { mode: "local", wipe: "factory-reset" },
  ephemeral: { mode: "local", wipe: "ephemeral" },
};

/**
 * The part of the kernel's command line that the initrd needs. The rest is config and is read later. Of a repeated word
 * the last one counts, as in the kernel. A bare `rescue` is mode `shell`, as in old k3OS.
 */
export function bootArguments(cmdline: string): BootArguments {
  let root: RootSource | undefined;
  let mode: Partial<BootArguments> = {};
  let fallbackMode: Mode | undefined;
  let debug = false;
  let dev = false;
  let trial = false;
  let bootCard: string | undefined;
  for (const word of cmdline.trim().split(/\s+/)) {
    const [key, value] = split(word);
    if (key === "k3os.root") root = rootSource(value);
    else if (key === "k3os.mode") mode = parseMode(key, value);
    else if (key === "k3os.fallback_mode") fallbackMode = parseMode(key, value).mode;
    else if (key === "BOOTIF") bootCard = macAddress(value);
    else if (key === "rescue") mode = { rescue: true };
    else if (key === "k3os.dev") dev = true;
    else if (key === "k3os.trial") trial = true;
    else if (key === "k3os.debug") debug = value !== "false" && value !== "0";
  }
  return { root, mode: undefined, fallbackMode, wipe: undefined, rescue: false, debug, dev, trial, bootCard, ...mode };
}

function split(word: string): [string, string] {
  const equals = word.indexOf("=");
  return equals < 0 ? [word, ""] : [word.slice(0, equals), word.slice(equals + 1)];
}

function rootSource(value: string): RootSource {
  const [, kind, name = "", path = ""] = /^(LABEL|UUID)=([^:]+):(\/.+)$/.exec(value) ?? [];
  if (kind === "LABEL") return { kind: "label", label: name, path };
  if (kind === "UUID") return { kind: "uuid", uuid: name, path };
  const serial = /^SERIAL=(.+)$/.exec(value);
  if (serial?.[1]) return { kind: "serial", serial: serial[1] };
  if (/^http:\/\/[^/]+\/./.test(value)) return { kind: "url", url: value };
  throw new K3osError(
    "config",
    `k3os.root: expected LABEL=<volume>:<path>, UUID=<volume>:<path>, SERIAL=<serial> or http://<server>/<path>, got "${value}"`,
    { hint: "Press e in the boot menu and correct the kernel's command line." },
  );
}

/** Parses `01-52-54-00-12-34-56`. The 01 stands for Ethernet; the format is PXELINUX's. */
function macAddress(value: string): string | undefined {
  return /^01(?:[-:][0-9a-f]{2}){6}$/i.test(value) ? value.slice(3).replaceAll("-", ":").toLowerCase() : undefined;
}

function parseMode(key: string, value: string): Partial<BootArguments> {
  const mode = MODES[value];
  if (mode !== undefined && Object.hasOwn(MODES, value)) return mode;
  throw new K3osError("config", `${key}: expected ${Object.keys(MODES).join(", ")}, got "${value}"`, {
    hint: "Press e in the boot menu and correct the kernel's command line.",
  });
}
