import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import type { FileLayer } from "../../image/oci.ts";

/** Unpacks the file that the layer at `from` holds into `to`, of at most `most` bytes. Throws `integrity`. */
export async function unpackLayer(
  host: Host,
  { packing }: FileLayer,
  from: string,
  to: string,
  most: number,
): Promise<void> {
  const options = packing === "tar+gzip" ? "-xzOf" : "-xOf";
  // The limit is in blocks of 512 bytes. A part of one more tells that there is too much.
  const script = 'ulimit -f "$3"; exec tar "$0" "$1" >"$2"';
  const blocks = `${Math.floor(most / 512) + 1}`;
  const { status, stderr } = await host.exec(["sh", "-c", script, options, from, to, blocks], { background: true });
  const size = host.stat(to)?.size ?? 0;
  if (status === 0 && size <= most) return;
  host.remove(to);
  const why = size > most ? `it has more than ${most} bytes` : (stderr.trim().split("\n").at(-1) ?? "");
  throw new K3osError("integrity", `${from} cannot be unpacked: ${why}`, {
    hint: "Fetch it again. If that does not help, what was published is damaged.",
  });
}

/** Throws if a layer is much larger than its file: it would only fill the disk. */
export function requireFitting({ size }: FileLayer, content: number, shown: string): void {
  const most = content + Math.floor(content / 64) + 65_536;
  if (size <= most) return;
  throw new K3osError("integrity", `the layer with ${shown} has ${size} bytes, expected at most ${most}`, {
    hint: "The registry has another layer in its place. Publish the image again.",
  });
}
