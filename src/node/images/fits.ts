import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { bootFirmwareTitle } from "../../image/boot-firmware.ts";
import type { ImageJson } from "../../image/image-json.ts";
import { OWN_ARCHITECTURE } from "../architecture.ts";
import { ownImage } from "./own.ts";

type Described = Partial<Pick<ImageJson, "architecture" | "boot">>;

/** Throws if the image at `place` is for machines of another kind than this one, whose own image runs. */
export function requireFit(host: Host, place: string, { architecture, boot }: Described): void {
  // Images of before other processors were known do not all tell theirs.
  if (architecture !== undefined && architecture !== OWN_ARCHITECTURE) {
    const message = `${place} is an image for ${architecture}, and this machine is ${OWN_ARCHITECTURE}`;
    throw new K3osError("host", message, { hint: `One for it: ./k3os build --arch ${OWN_ARCHITECTURE}` });
  }
  const own = ownImage(host);
  if (boot === own.boot) return;
  const message = `${place} is an image for ${kindOf(boot)}, and this is ${kindOf(own.boot)}`;
  const flavour = own.flavour === undefined ? "" : ` --flavour ${own.flavour}`;
  throw new K3osError("host", message, { hint: `One for it: ./k3os build --arch ${OWN_ARCHITECTURE}${flavour}` });
}

function kindOf(boot: string | undefined): string {
  return boot === undefined ? "a machine with UEFI or BIOS" : `a ${bootFirmwareTitle(boot)}`;
}
