import * as v from "valibot";
import { ARCHITECTURE_NAMES } from "./architecture.ts";
import { BOOT_FIRMWARE_NAMES } from "./boot-firmware.ts";
import { FLAVOUR } from "./fitting.ts";

const names = v.array(v.string());

/** As it is called on the command line. */
export const flavourName = v.pipe(
  v.string(),
  v.regex(FLAVOUR, "expected at most 63 lower-case letters, digits and dashes"),
);

const serialPort = v.pipe(v.string(), v.regex(/^tty[A-Za-z]+\d+$/, "expected a serial port, such as ttyS1"));

const firmware = v.strictObject({
  packages: v.optional(names),
  /** What drivers ask for and do not declare. */
  asks: v.optional(names),
  /** Patterns of files that are left out. */
  drop: v.optional(names),
  /** Links that are made besides: what each points to, by its path. */
  links: v.optional(v.record(v.string(), v.string())),
});

const fields = {
  /** Patterns of modules that are left out besides those that `kernel.drop` of base.yaml names. */
  drop: v.optional(names),
  /** Patterns of modules that stay although one of the two names them. */
  keep: v.optional(names),
  /** Packages of the root. */
  packages: v.optional(names),
  /** Modules of the initrd. */
  modules: v.optional(names),
  /** Packages with the microcode of processors. */
  microcode: v.optional(names),
  firmware: v.optional(firmware),
  /** Kernel arguments of every image of it. */
  arguments: v.optional(names),
  /** Serial ports that are consoles, instead of the one that is usual for the processor. */
  serial: v.optional(v.pipe(v.array(serialPort), v.minLength(1, "expected at least one port"))),
};

/** A row of `os/flavours.yaml`. */
export const flavourRow = v.strictObject({
  kernel: v.string(),
  ...fields,
  /** The only processor that there are such machines of. */
  only: v.optional(v.picklist(ARCHITECTURE_NAMES)),
  /** What their disk has for firmware that reads it. */
  boot: v.optional(v.picklist(BOOT_FIRMWARE_NAMES)),
});

/** A flavour of image.yaml: what it does not say is that of the flavour `from`. */
export const ownFlavour = v.pipe(
  v.strictObject({ from: v.optional(flavourName), kernel: v.optional(v.string()), ...fields }),
  v.check(({ from, kernel }) => from !== undefined || kernel !== undefined, "expected either kernel or from"),
);

export type FlavourRow = v.InferOutput<typeof flavourRow>;
export type OwnFlavour = v.InferOutput<typeof ownFlavour>;
