import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { FIRMWARE_CATALOGUE, type FirmwareCatalogue, packageOf } from "../../image/firmware.ts";
import type { ImageJson } from "../../image/image-json.ts";
import { IMAGE_JSON } from "../places.ts";
import { type Image, type MissingFirmware, missingFirmware } from "./missing-firmware.ts";

/** The kernel's words about firmware at the end of this boot; os/rootfs/etc/init.d/booted writes it. */
const NOTED = "/run/k3os/firmware.log";
const FIRMWARE = "/usr/lib/firmware";

/**
 * Reads from the kernel's log which devices lack firmware. The log is a ring that pods fill within days, so what it
 * said at the end of the boot is read, too.
 */
export async function observeFirmware(host: Host): Promise<readonly MissingFirmware[]> {
  const { stdout } = await host.exec(["dmesg"]);
  const log = `${readTextIf(host, NOTED) ?? ""}\n${stdout}`;
  if (!log.includes("irmware")) return [];
  return missingFirmware(log, imageOf(host));
}

function imageOf(host: Host): Image {
  const image = JSON.parse(host.readText(IMAGE_JSON)) as ImageJson;
  const catalogue = JSON.parse(host.readText(FIRMWARE_CATALOGUE)) as FirmwareCatalogue;
  const held = new Set(image.packages.map((one) => one.split(" ")[0]));
  return {
    holds: (name) => held.has(name),
    isInMetal: (name) => catalogue.metal.includes(name),
    packageOf: (file) => packageOf(file, catalogue.packages),
    filesBeside: (file) => filesIn(host, file.slice(0, file.lastIndexOf("/") + 1)),
  };
}

/** The files of a directory below that of firmware, which is named with the slash at its end. */
function filesIn(host: Host, directory: string): string[] {
  const path = `${FIRMWARE}/${directory}`.replace(/\/$/, "");
  return host.stat(path) === undefined ? [] : host.list(path).map((name) => `${directory}${name}`);
}
