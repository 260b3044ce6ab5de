import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { watch } from "../watch.ts";
import { connect, disconnect } from "./netboot-card.ts";

/**
 * Written by the build into the initrd of a netboot set: describes the root that belongs to its kernel
 * (src/build/media/netboot.ts).
 */
const EXPECTED = "/root.json";
const TARGET = "/root.squashfs";
/** Pauses between tries. Switches, DHCP and web servers that start together with this machine have two minutes. */
const PAUSES_S = [1, 2, 5, 10, 20, 30, 30];
const TELL_EVERY_MS = 3000;

/**
 * Fetches the root over HTTP into memory and compares it with its sum. Retries for some minutes if the server does not
 * answer. Does not retry after a wrong sum, because the same file would come again.
 */
export async function fetchRoot(host: Host, url: string, bootCard: string | undefined): Promise<string> {
  const expected = JSON.parse(host.readText(EXPECTED)) as { readonly sha256: string; readonly size: number };
  for (let tries = 0; ; tries++) {
    try {
      const card = await connect(host, bootCard);
      await download(host, url, card, expected.size);
      break;
    } catch (error) {
      const pause = PAUSES_S[tries];
      if (!(error instanceof K3osError) || pause === undefined) throw error;
      tell(host, `${error.message}; trying again in ${pause} s`);
      await host.sleep(pause * 1000);
    }
  }
  const [sha256] = (await run(host, ["sha256sum", TARGET])).split(" ");
  if (sha256 !== expected.sha256) {
    throw new K3osError(
      "integrity",
      `${url} is not the root of this initrd: expected sha256 ${expected.sha256}, got ${sha256}`,
      {
        hint: "Kernel, initrd and root must be of one build: copy all files of `./k3os build --format netboot` to the server.",
      },
    );
  }
  await disconnect(host);
  return TARGET;
}

/** Resumes an interrupted download if the server supports it. */
async function download(host: Host, url: string, card: string, size: number): Promise<void> {
  tell(host, `fetching ${url} through ${card}, ${megabytes(size)}`);
  let told = host.monotonic();
  const fetching = host.exec(["wget", "-q", "-c", "-T", "20", "-O", TARGET, url]);
  const { status, stderr } = await watch(host, fetching, TARGET, (bytes) => {
    if (host.monotonic() - told < TELL_EVERY_MS) return;
    told = host.monotonic();
    tell(host, `${megabytes(bytes)} of ${megabytes(size)}, ${Math.floor((bytes / size) * 100)} %`);
  });
  const got = host.stat(TARGET)?.size ?? 0;
  if (status === 0 && got === size) return;
  if (got >= size) host.remove(TARGET);
  const reason = stderr
    .trim()
    .split("\n")
    .at(-1)
    ?.replace(/^wget: /, "");
  throw new K3osError("network", `${url} cannot be fetched: ${reason || `expected ${size} bytes, got ${got}`}`, {
    hint: "Does the server have all files of `./k3os build --format netboot`, and can this machine reach it?",
  });
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

function tell(host: Host, text: string): void {
  host.warn(`k3os: ${text}\n`);
}
