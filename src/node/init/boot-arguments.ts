import { K3osError } from "../../errors.ts";

/** Where the root's squashfs is. */
export type RootSource =
  /** A file on a volume with this label. */
  | { readonly kind: "label"; readonly label: string; readonly path: string }
  /** A virtio disk with this serial, which is the squashfs itself. */
  | { readonly kind: "serial"; readonly serial: string }
  /** A file inside the initrd. */
  | { readonly kind: "initrd"; readonly path: string };

export type Mode = "live" | "shell";

export interface BootArguments {
  /** `undefined`: inside the initrd if it is there, else the default label. */
  readonly root: RootSource | undefined;
  readonly mode: Mode;
  readonly debug: boolean;
}

export const EMBEDDED_ROOT = "/root.squashfs";
export const DEFAULT_ROOT: RootSource = { kind: "label", label: "K3OS", path: "/k3os/system/current/root.squashfs" };

/**
 * What of the kernel's command line the initrd acts on; the rest is config and read later.
 * A repeated word counts the last time, as the kernel does it; a bare `rescue` is mode `shell`, as in old k3OS.
 */
export function bootArguments(cmdline: string): BootArguments {
  let root: RootSource | undefined;
  let mode: Mode = "live";
  let debug = false;
  for (const word of cmdline.trim().split(/\s+/)) {
    const [key, value] = split(word);
    if (key === "k3os.root") root = rootSource(value);
    else if (key === "k3os.mode") mode = parseMode(value);
    else if (key === "rescue") mode = "shell";
    else if (key === "k3os.debug") debug = value !== "false" && value !== "0";
  }
  return { root, mode, debug };
}

function split(word: string): [string, string] {
  const equals = word.indexOf("=");
  return equals < 0 ? [word, ""] : [word.slice(0, equals), word.slice(equals + 1)];
}

function rootSource(value: string): RootSource {
  const label = /^LABEL=([^:]+):(\/.+)$/.exec(value);
  if (label?.[1] && label[2]) return { kind: "label", label: label[1], path: label[2] };
  const serial = /^SERIAL=(.+)$/.exec(value);
  if (serial?.[1]) return { kind: "serial", serial: serial[1] };
  throw new K3osError("config", `k3os.root: expected LABEL=<volume>:<path> or SERIAL=<serial>, got "${value}"`, {
    hint: "Press e in the boot menu and correct the kernel's command line.",
  });
}

function parseMode(value: string): Mode {
  if (value === "live" || value === "shell") return value;
  throw new K3osError("config", `k3os.mode: expected live or shell, got "${value}"`, {
    hint: "This release boots live; a bare k3os.mode=shell opens a shell in the initrd.",
  });
}
