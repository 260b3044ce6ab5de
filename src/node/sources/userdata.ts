import { base64, base64Flaw, fromUtf8 } from "../../config/bytes.ts";
import type { Host } from "../../host/host.ts";
import { type OnFailure, rethrow } from "../failure.ts";
import { RUN } from "../places.ts";

/** The limit of unpacked user data: far more than any config. */
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Decodes user data from base64, if all of it is base64 (no config is), and then from gzip. Some clouds store only
 * text, some allow only 16 KiB, so users encode it. Data that cannot be unpacked stays as it is: reading the layer then
 * reports that it is gzip.
 */
export async function unpack(host: Host, data: Uint8Array, onFailure: OnFailure = rethrow): Promise<Uint8Array> {
  const text = isGzip(data) ? undefined : fromUtf8(data)?.trim();
  const packed = text !== undefined && /^[A-Za-z0-9+/\s]{8,}=*$/.test(text) && base64Flaw(text) === undefined;
  const decoded = packed ? base64(text) : data;
  if (!isGzip(decoded)) return decoded;
  return (await gunzip(host, decoded).catch(onFailure)) ?? decoded;
}

function isGzip(data: Uint8Array): boolean {
  return data[0] === 0x1f && data[1] === 0x8b;
}

async function gunzip(host: Host, data: Uint8Array): Promise<Uint8Array> {
  const path = `${RUN}/unpack.${host.monotonic()}`;
  host.write(path, "", { mode: 0o600 });
  try {
    const script = `set -o pipefail; gzip -dc | head -c ${MAX_BYTES} >"$0"`;
    const { status } = await host.exec(["sh", "-c", script, path], { input: data });
    return status === 0 ? host.read(path) : data;
  } finally {
    host.remove(path);
  }
}
