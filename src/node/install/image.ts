import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { bootFirmwareTitle } from "../../image/boot-firmware.ts";
import type { ImageJson } from "../../image/image-json.ts";
import type { Progress } from "../../progress.ts";
import type { SourceImage } from "../images/image.ts";
import { ON_MEDIUM, openImage } from "../images/open.ts";
import { trustIn } from "../images/trust.ts";
import { MEDIUM } from "../places.ts";
import type { Settings } from "./settings.ts";
import { WORK } from "./work.ts";

const RUNNING = `${MEDIUM}/${ON_MEDIUM}`;

/**
 * Opens the image to install: the one in the settings, whose signature is checked if there is a key, otherwise the one
 * on the medium that this system runs from. Fetched files stay in memory until the machine restarts.
 */
export async function imageToInstall(
  host: Host,
  { iso_url: place, image_key }: Pick<Settings, "iso_url" | "image_key">,
  progress: Progress,
): Promise<SourceImage> {
  const refusal = place === undefined ? whyNoImage(host) : undefined;
  if (refusal !== undefined) throw refusal;
  const isSigned = place !== undefined && image_key !== undefined;
  return openImage(host, place ?? RUNNING, {
    ...(isSigned && { trust: trustIn(host, image_key, "image_key") }),
    work: WORK,
    onDescribed: ({ json }) => refuseCard(json),
    ifDamaged: "Write the medium anew, or fetch the image again.",
    progress,
  });
}

/** The installer makes no disk that firmware reads itself. */
function refuseCard({ flavour, boot }: Pick<ImageJson, "flavour" | "boot">): void {
  if (boot === undefined) return;
  throw new K3osError("host", `a ${bootFirmwareTitle(boot)} does not start from a disk that is installed`, {
    hint: `Write one that is built: ./k3os build --flavour ${flavour} --format raw`,
  });
}

/** Why this system cannot install itself; `undefined` if it can. */
export function whyNoImage(host: Host): K3osError | undefined {
  if (host.stat(`${RUNNING}/image.json`) !== undefined) return undefined;
  return new K3osError("host", "this system was not started from a medium that holds its image", {
    hint: "Say what to install: --image with the URL or the path of an ISO, or of a directory with an image.",
  });
}
