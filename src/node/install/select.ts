import { K3osError } from "../../errors.ts";
import { type Disk, describeDisk } from "../devices/disks.ts";
import type { Settings } from "./settings.ts";

/** A disk, and whether it can be installed to. */
export interface Candidate {
  readonly disk: Disk;
  /** Completes "/dev/vda cannot be used: …". */
  readonly refusal?: string;
  /**
   * Completes the same sentence, but the user may overrule it: the disk is part of something that other disks belong
   * to.
   */
  readonly memberOf?: string;
}

type Condition = (disk: Disk) => boolean;
type Chooser = "largest" | "smallest" | "only";

/** What `device` asks for: conditions on a disk, and which disk is taken if several meet them. */
interface Selector {
  readonly conditions: readonly Condition[];
  readonly chooser: Chooser | undefined;
  /** Whether the selector names one disk. Such a disk is either usable or an error. */
  readonly exact: boolean;
}

const FORMS =
  "a path (/dev/vda), a name of /dev/disk/by-id (virtio-…, ata-…, nvme-…, wwn-…) or by-path (pci-…), serial=…, wwn=…, model=… (with *), size>=100G, " +
  "largest, smallest or only; several with commas between them";

/**
 * The disk that `device` means. Words separated by commas must all apply: `model=Samsung*,size>=100G,smallest`.
 * `largest`, `smallest`, `only` and conditions never choose a disk that cannot be used or is part of something larger.
 * A disk that is named explicitly is refused with the reason, unless it is such a part and `force` is set.
 */
export function selectDisk(device: string, candidates: readonly Candidate[], { force }: Pick<Settings, "force">): Disk {
  const selector = parseSelector(device);
  const named = nameOf(selector, candidates);
  if (named?.refusal !== undefined) throw refused(named);
  if (named?.memberOf !== undefined && force !== true) throw needsForce(named);
  if (named !== undefined) return named.disk;
  const usable = fitting(selector, candidates)
    .filter(({ refusal, memberOf }) => refusal === undefined && memberOf === undefined)
    .map(({ disk }) => disk);
  const [one] = usable;
  if (one === undefined) {
    throw new K3osError("host", `no disk of this machine is what device says: ${device}`, {
      hint: listing(candidates),
    });
  }
  if (usable.length === 1) return one;
  if (selector.chooser === "largest") return usable.reduce((a, b) => (b.size > a.size ? b : a));
  if (selector.chooser === "smallest") return usable.reduce((a, b) => (b.size < a.size ? b : a));
  throw new K3osError(
    "host",
    `device: ${device} means ${usable.length} disks: ${usable.map(({ path }) => path).join(", ")}`,
    {
      hint: `Say which, by ${FORMS}.\n${listing(candidates)}`,
    },
  );
}

/** The name of the only usable disk. If there is none, or several, `only`: selecting that reports the reason. */
export function theOnlyDisk(candidates: readonly Candidate[]): string {
  const [one, ...others] = candidates.filter(({ refusal }) => refusal === undefined);
  return one !== undefined && others.length === 0 ? one.disk.path : "only";
}

/** The disk that `device` names, usable or not; `undefined` if `device` does not name exactly one. */
export function namedDisk(device: string, candidates: readonly Candidate[]): Candidate | undefined {
  return nameOf(parseSelector(device), candidates);
}

function nameOf(selector: Selector, candidates: readonly Candidate[]): Candidate | undefined {
  const [one, ...others] = fitting(selector, candidates);
  return selector.exact && others.length === 0 ? one : undefined;
}

function fitting({ conditions }: Selector, candidates: readonly Candidate[]): readonly Candidate[] {
  return candidates.filter(({ disk }) => conditions.every((condition) => condition(disk)));
}

function needsForce({ disk, memberOf }: Candidate): K3osError {
  return new K3osError("host", `${disk.path} cannot be used: ${memberOf}`, {
    hint: "Name another disk. If that may be destroyed: --force, or k3os.install.force.",
  });
}

function refused({ disk, refusal }: Candidate): K3osError {
  return new K3osError("host", `${disk.path} cannot be used: ${refusal}`, {
    hint: "Name another disk, or free this one first.",
  });
}

function listing(candidates: readonly Candidate[]): string {
  if (candidates.length === 0) return "This machine has no disk at all: is its driver in the image?";
  const lines = candidates.map(
    ({ disk, refusal, memberOf }) =>
      `  ${[`${disk.path}  ${describeDisk(disk)}`, refusal ?? memberOf].filter((part) => part !== undefined).join(": ")}`,
  );
  return ["Disks of this machine:", ...lines].join("\n");
}

function parseSelector(device: string): Selector {
  const words = device
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
  const choosers = words.filter((word): word is Chooser => /^(largest|smallest|only)$/.test(word));
  const others = words.filter((word) => !/^(largest|smallest|only)$/.test(word));
  if (words.length === 0 || choosers.length > 1) throw notUnderstood(device);
  return {
    conditions: others.map((word) => condition(word, device)),
    chooser: choosers[0],
    exact: others.some((word) => !/^(model|size)/.test(word)),
  };
}

function condition(word: string, device: string): Condition {
  const [, key = "", relation = "", value = ""] = /^(serial|wwn|model|size)\s*(>=|<=|=|>|<)\s*(.+)$/.exec(word) ?? [];
  if (key === "size") return sizeCondition(relation, value, device);
  if (key !== "" && relation !== "=") throw notUnderstood(device);
  if (key === "model") return ({ model }) => glob(value).test(model);
  if (key === "serial") return ({ serial }) => serial === value;
  if (key === "wwn") return ({ wwn }) => wwn === value;
  const id = word.replace(/^\/dev\/disk\/by-(id|path)\//, "");
  if (id.startsWith("/dev/")) return ({ path }) => path === id;
  if (/^(virtio|ata|nvme|wwn|scsi|usb|mmc)-/.test(id)) return ({ ids }) => ids.includes(id);
  if (/^(pci|platform|acpi)-/.test(id)) return ({ pathIds }) => pathIds.includes(id);
  if (/^(sd[a-z]+|vd[a-z]+|nvme\d+n\d+|mmcblk\d+|xvd[a-z]+)$/.test(id)) return ({ name }) => name === id;
  throw notUnderstood(device);
}

/** Disks are sold in decimal units (G is 10^9); Gi is 2^30. */
function sizeCondition(relation: string, value: string, device: string): Condition {
  const [, number, unit = "", binary] = /^(\d+(?:\.\d+)?)\s*([KMGTP]?)(i?)B?$/i.exec(value) ?? [];
  if (number === undefined) throw notUnderstood(device);
  const power = unit === "" ? 0 : "KMGTP".indexOf(unit.toUpperCase()) + 1;
  const wanted = Number(number) * (binary ? 1024 : 1000) ** power;
  switch (relation) {
    case ">=":
      return ({ size }) => size >= wanted;
    case "<=":
      return ({ size }) => size <= wanted;
    case ">":
      return ({ size }) => size > wanted;
    case "<":
      return ({ size }) => size < wanted;
    default:
      // A disk never has exactly the advertised size.
      return ({ size }) => Math.abs(size - wanted) < wanted * 0.08;
  }
}

function glob(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*");
  return new RegExp(`^${escaped}$`, "i");
}

function notUnderstood(device: string): K3osError {
  return new K3osError("config", `device: expected ${FORMS}; got "${device}"`, {
    hint: "largest takes the largest disk that can be used; only wants that there is just one.",
  });
}
