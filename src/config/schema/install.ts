import { flag, type Infer, struct, text } from "../kinds.ts";
import * as values from "../values.ts";
import { tty } from "./places.ts";

export const install = struct(
  {
    device: text({
      about:
        "The disk to install to, by path, name, serial, model or size; `largest`, `smallest` or `only` (install.md). All on it is lost.",
      check: values.notEmpty,
      example: "/dev/vda",
    }),
    silent: flag({ about: "Install without asking, which needs `device`.", example: "true" }),
    force: flag({
      about: "Erase the disk that `device` names even if it belongs to a volume group or an array of several disks.",
      example: "true",
    }),
    config_url: text({
      about: "The node's config.yaml: a URL, or the path of a file.",
      check: values.urlOrPath,
      example: "https://example.com/node.yaml",
    }),
    iso_url: text({
      about: "The image to install instead of the one that runs: URL or path of an ISO or of an image directory.",
      check: values.urlOrPath,
      example: "https://example.com/k3os.iso",
    }),
    image_key: text({
      about:
        "The ssh public key that the image of `iso_url` must be signed with, or of an authority that certifies such keys (install.md); not checked if not given.",
      check: values.publicKey,
      example: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKqcBMzv5sXJdVuMiSVMSBqHu1eDBm0OS8ulKDiIXGjV release",
    }),
    force_efi: flag({
      about: "Accepted: every disk boots by UEFI and by BIOS.",
      aliases: ["efi"],
      example: "true",
    }),
    power_off: flag({ about: "Switch the machine off afterwards instead of starting it anew.", example: "true" }),
    no_format: flag({
      about: "Keep the partitions, the data and the config that are there; replace the system.",
      example: "true",
    }),
    debug: flag({ about: "Have the installed system tell what it does when it boots.", example: "true" }),
    tty: text({ about: "The console of the installed system.", check: tty, example: "ttyS0" }),
  },
  { about: "What the installer does." },
);

/** The installer's settings. Every key is optional. */
export type InstallConfig = Infer<typeof install>;
