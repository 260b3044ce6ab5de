import * as v from "valibot";
import { K3osError } from "../errors.ts";
import type { Architecture, ArchitectureName } from "./architecture.ts";
import type { BootFirmwareName } from "./boot-firmware.ts";
import { type FlavourRow, flavourRow, type OwnFlavour } from "./flavour-schema.ts";
import type { Lock } from "./lock.ts";
import { parseYaml } from "./parse-yaml.ts";

/** The flavours that every checkout has: the rows of `os/flavours.yaml`. */
export const FLAVOURS = ["cloud", "metal", "rpi"] as const;
export type FlavourName = (typeof FLAVOURS)[number];

const table = v.strictObject({
  flavours: v.strictObject({ cloud: flavourRow, metal: flavourRow, rpi: flavourRow } satisfies Record<
    FlavourName,
    unknown
  >),
  /** Dependencies of packages with firmware that are left out. */
  exclude: v.array(v.string()),
  /** Patterns of the files of each package with firmware. */
  catalogue: v.record(v.string(), v.array(v.string())),
});

/** `os/flavours.yaml` */
export type FlavourTable = v.InferOutput<typeof table>;

/** What an image has for the machines that it is for. */
export interface Flavour {
  readonly name: string;
  /** The Debian package of its kernel. */
  readonly kernel: string;
  readonly drop: readonly string[];
  readonly keep: readonly string[];
  readonly packages: readonly string[];
  readonly modules: readonly string[];
  readonly microcode: readonly string[];
  readonly firmware: {
    readonly packages: readonly string[];
    readonly asks: readonly string[];
    readonly drop: readonly string[];
    readonly links: Readonly<Record<string, string>>;
  };
  readonly arguments: readonly string[];
  /** Serial ports that are consoles, if not the usual one of the processor. */
  readonly serial?: readonly string[];
  /** The only processor that there are such machines of. */
  readonly only?: ArchitectureName;
  readonly boot?: BootFirmwareName;
}

/** With Debian's name of `architecture` in the place of `{arch}`. */
export function parseFlavours(text: string, name: string, { debian }: Pick<Architecture, "debian">): FlavourTable {
  return parseYaml(table, text.replaceAll("{arch}", debian), name);
}

export interface FlavourChoice {
  /** What the command line, or else image.yaml, names. */
  readonly asked?: string | undefined;
  /** What it is if nothing names one. */
  readonly usual: FlavourName;
  /** Those of image.yaml. */
  readonly own?: Readonly<Record<string, OwnFlavour>>;
  /** A lock is of one flavour. Another one that is asked for is an error. */
  readonly lock?: Lock | undefined;
}

export function chooseFlavour({ flavours }: FlavourTable, { asked, usual, own = {}, lock }: FlavourChoice): Flavour {
  const name = asked ?? lock?.flavour ?? usual;
  const flavour = complete(name, rowOf(name, flavours, own));
  if (lock === undefined) return flavour;
  const holdsKernel = lock.packages.kernel?.some((entry) => entry.name === flavour.kernel) === true;
  if (holdsKernel && (lock.flavour ?? name) === name) return flavour;
  throw new K3osError(
    "config",
    `The lock is not of the flavour ${name}: it was made with ${lock.flavour ?? "another one"}.`,
    {
      hint: "Build without naming a flavour, or with the lock of an image that has this one.",
    },
  );
}

/**
 * The processor that an image is for: `named`, else the only one of the flavour, else `usual`. Naming another
 * one than the only one is an error.
 */
export function architectureFor(
  { name, only }: Pick<Flavour, "name" | "only">,
  named: ArchitectureName | undefined,
  usual: ArchitectureName,
): ArchitectureName {
  if (only === undefined || named === undefined || only === named) return named ?? only ?? usual;
  throw new K3osError("usage", `The flavour ${name} is for ${only}, not for ${named}.`, {
    hint: "Leave --arch away, or take another flavour.",
  });
}

function rowOf(name: string, rows: Readonly<Record<string, FlavourRow>>, own: NonNullable<FlavourChoice["own"]>) {
  const added = own[name];
  if (added === undefined) return rows[name] ?? unknown(name, rows, own);
  if (rows[name] !== undefined) {
    throw new K3osError("config", `flavours.${name}: there is a flavour of that name already.`, {
      hint: `Call yours otherwise, and begin it with \`from: ${name}\`.`,
    });
  }
  const { from, ...given } = added;
  const base = from === undefined ? undefined : (rows[from] ?? unknown(from, rows, {}));
  const kernel = given.kernel ?? base?.kernel ?? "";
  return { ...base, ...given, kernel, firmware: { ...base?.firmware, ...given.firmware } };
}

function unknown(name: string, ...tables: readonly Readonly<Record<string, unknown>>[]): never {
  const known = tables.flatMap((one) => Object.keys(one)).join(", ");
  throw new K3osError("usage", `There is no flavour ${JSON.stringify(name)}: expected one of ${known}.`, {
    hint: "A flavour of your own is a row of `flavours` in image.yaml (docs/hardware.md).",
  });
}

function complete(name: string, { firmware = {}, serial, only, boot, ...row }: FlavourRow): Flavour {
  const none: readonly string[] = [];
  return {
    ...{ name, kernel: row.kernel, drop: row.drop ?? none, keep: row.keep ?? none, packages: row.packages ?? none },
    ...{ modules: row.modules ?? none, microcode: row.microcode ?? none, arguments: row.arguments ?? none },
    ...(serial !== undefined && { serial }),
    ...(only !== undefined && { only }),
    ...(boot !== undefined && { boot }),
    firmware: {
      packages: firmware.packages ?? none,
      asks: firmware.asks ?? none,
      drop: firmware.drop ?? none,
      links: firmware.links ?? {},
    },
  };
}
