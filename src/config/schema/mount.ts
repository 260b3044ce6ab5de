import { flag, type Infer, struct, text } from "../kinds.ts";
import { device, fileSystem, mountOptions, mountPoint } from "./places.ts";

export const mount = struct(
  {
    device: text({
      about: "`LABEL=`, `UUID=`, or a path below /dev, such as /dev/disk/by-id/NAME. It is awaited for 10 s.",
      check: device,
      example: "/dev/vdb",
    }),
    path: text({
      about: "Where: below /mnt, /srv, /media, /home, /opt or /var.",
      check: mountPoint,
      example: "/mnt/data",
    }),
    type: text({
      about: "The file system. Found out if not given; ext4 for `format`.",
      check: fileSystem,
      example: "ext4",
    }),
    options: text({ about: "As mount -o takes them.", check: mountOptions, example: "noatime" }),
    format: flag({
      about: "Make the file system if the device is empty. Never touches one that is not.",
      example: "true",
    }),
  },
  { needed: ["device", "path"], check: checkFormat },
);

export type Mount = Infer<typeof mount>;

function checkFormat({ device, type, format }: Readonly<Record<string, unknown>>) {
  if (format !== true) return undefined;
  if (!String(device).startsWith("/dev/")) {
    const hint = "an empty device has neither a label nor a UUID: write `device: /dev/…`";
    return { key: "device", expected: "a path below /dev, because of `format`", hint, got: `"${device}"` };
  }
  if (type !== undefined && type !== "ext4") {
    const hint = "the image has no other program that makes a file system";
    return { key: "type", expected: "ext4, because of `format`", hint, got: `"${type}"` };
  }
  return undefined;
}
