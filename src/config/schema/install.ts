import { flag, type Infer, struct, text } from "../kinds.ts";
import * as values from "../values.ts";
import { tty } from "./places.ts";

export const install = struct(
  {
    device: text({
      about: "The disk to install to. Everything on it is lost.",
      check: values.notEmpty,
      example: "/dev/vda",
    }),
    silent: flag({ about: "Install without asking, which needs `device`.", example: "true" }),
    config_url: text({
      about: "The node's config.yaml: a URL, or the path of a file.",
      check: values.urlOrPath,
      example: "https://example.com/node.yaml",
    }),
    iso_url: text({
      about: "The image to install instead of the one that runs: a URL, or the path of a file.",
      check: values.urlOrPath,
      example: "https://example.com/k3os.iso",
    }),
    force_efi: flag({
      about: "Install for UEFI although this machine was started by a BIOS.",
      aliases: ["efi"],
      example: "true",
    }),
    power_off: flag({ about: "Switch the machine off afterwards instead of starting it anew.", example: "true" }),
    no_format: flag({ about: "Keep the partitions and the data that are there.", example: "true" }),
    debug: flag({ about: "Tell each step, also when the installed system boots.", example: "true" }),
    tty: text({ about: "The console of the installed system.", check: tty, example: "ttyS0" }),
  },
  { about: "What the installer does." },
);

/** What the installer reads; every key is optional. */
export type InstallConfig = Infer<typeof install>;
