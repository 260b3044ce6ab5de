/** What the kernel's log says of firmware that drivers asked for and did not get. Pure. */
import { uncompressed } from "../../image/firmware.ts";
import { matcher } from "../../image/glob.ts";

export interface MissingFirmware {
  /** Driver and device, as the kernel names them: `e100 0000:00:03.0`. */
  readonly device: string;
  /** What the driver asked for first, below the directory of firmware. */
  readonly file: string;
  /** The package of Debian that such files come from, if it is known. */
  readonly package?: string;
  /** A sentence: how an image gets it. */
  readonly remedy: string;
}

/** What is known of the image that runs. */
export interface Image {
  readonly holds: (packageName: string) => boolean;
  /** Whether images of the flavour `metal` hold it. */
  readonly isInMetal: (packageName: string) => boolean;
  /** The package that has a file, by the catalogue of os/flavours.yaml. */
  readonly packageOf: (file: string) => string | undefined;
  /** The paths of the firmware that lies in the same directory as `file`. */
  readonly filesBeside: (file: string) => readonly string[];
}

/**
 * The first is the kernel's own (drivers/base/firmware_loader/main.c). Debian's kernel has the second for its
 * installer. It also tells of files that a driver asks for without a warning, because it can do without them, such as
 * iwl-debug-yoyo.bin, which nobody has. No message tells of files that were found.
 */
const WARNED = /([^\s\]]+ \S+): Direct firmware load for (.+) failed with error -2\s*$/;
const NOTED = /([^\s\]]+ \S+): firmware: failed to load (.+) \(-2\)\s*$/;

/** What drivers need, and ask for without a warning all the same. */
const NEEDED = matcher(["ath10k/*/*/firmware-*", "netronome/nic_*"]);
/** What they warn of, and do not need: limits of single boards and countries. */
const NEEDLESS = matcher(["brcm/*.{clm_blob,txcap_blob}"]);
/** Broadcom's driver asks for a file of this very board, and then for that of the chip. */
const OF_BOARD = /^(brcm\/brcmfmac[^./]+)\.[^/]+(\.\w+)$/;
const VERSION = /-(\d+)(\.\w+)$/;
const LONG_VERSION = /-\d+(\.\d+)*(\.[a-z]\w*)$/;

/**
 * A driver may ask for several names, version after version downwards, and takes the first that it finds. The log has
 * only what was not found. So a file is missing if the image has neither it nor the next name that the driver would ask
 * for. All versions of a file are told once, by the first. Other errors than "not found" (-2) are not the image's.
 */
export function missingFirmware(log: string, image: Image): MissingFirmware[] {
  const failures = log.split("\n").flatMap(failureIn);
  const families = new Map<string, Failure[]>();
  for (const failure of failures) {
    const key = `${failure.device} ${plain(failure.file)}`;
    families.set(key, [...(families.get(key) ?? []), failure]);
  }
  return [...families.values()].flatMap(([first, ...others]) => {
    if (first === undefined || [first, ...others].some(({ file }) => isProvided(file, image))) return [];
    return [told(first, image)];
  });
}

interface Failure {
  readonly device: string;
  readonly file: string;
}

function failureIn(line: string): Failure[] {
  const [, device = "", file = ""] = WARNED.exec(line) ?? NOTED.exec(line) ?? [];
  if (file === "" || NEEDLESS(file)) return [];
  return WARNED.test(line) || NEEDED(file) ? [{ device, file }] : [];
}

/** The name without version and board. */
function plain(file: string): string {
  return file.replace(LONG_VERSION, "$2").replace(OF_BOARD, "$1$2");
}

/** Whether the image has the file, or the name that a driver asks for next. A file may be compressed. */
function isProvided(file: string, image: Image): boolean {
  const next = file.replace(VERSION, (_, version, rest) => `-${Number(version) - 1}${rest}`);
  const there = new Set(image.filesBeside(file).map(uncompressed));
  return [file, next, plain(file)].some((name) => there.has(name));
}

function told({ device, file }: Failure, image: Image): MissingFirmware {
  const name = image.packageOf(file);
  if (name === undefined) {
    return { device, file, remedy: "no package that is known here has it; name the file in `files` of image.yaml" };
  }
  if (image.holds(name)) {
    const remedy = `the image has ${name} without it; name it in \`firmware.asks\` of a flavour of your own`;
    return { device, file, package: name, remedy };
  }
  const orMetal = image.isInMetal(name) ? ", or take the flavour metal" : "";
  const remedy = `add ${name} to \`firmware.packages\` of a flavour of your own${orMetal}`;
  return { device, file, package: name, remedy };
}

/** A line of `k3os status`. */
export function describeMissing({ device, file, remedy }: MissingFirmware): string {
  return `${device} did not find ${file}: ${remedy} (docs/hardware.md)`;
}
