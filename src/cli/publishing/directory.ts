import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { sha256File } from "../../build/digest.ts";
import { nodeHost } from "../../host/node.ts";
import { CHANNELS, channelPath, imagePath, REVOKED_PATH, type Release } from "../../image/index-json.ts";
import { signatureOf } from "../../image/signing.ts";
import { requireDirectory } from "../commands/copy-files.ts";
import { asStep } from "../progress/index.ts";
import type { ImageFiles, Target } from "./target.ts";

/** A directory, for any web server, a disk that is carried somewhere, or a node itself. */
export function directoryTarget(root: string): Target {
  const at = (path: string) => join(root, path);
  const imageJson = (release: Release) => join(at(imagePath(release)), "image.json");
  const put = (path: string, data: Uint8Array) => {
    mkdirSync(dirname(path), { recursive: true });
    nodeHost.write(path, data);
  };
  return {
    shown: root,
    isRegistry: false,
    check: () => requireDirectory(root),
    readIndex: async (channel) => readIf(at(channelPath(channel)))?.toString("utf8"),
    readImage: async (release) => readIf(imageJson(release)),
    async readRevoked() {
      const [list, signature] = [readIf(at(REVOKED_PATH)), readIf(at(signatureOf(REVOKED_PATH)))];
      return list === undefined || signature === undefined ? undefined : { list, signature };
    },
    async putImage(release, image, progress) {
      const target = at(imagePath(release));
      await asStep(progress, `Put the image into ${target}`, async () => {
        if (!(await isWhole(target, image))) await putFiles(target, image, at("images"));
      });
      put(signatureOf(imageJson(release)), image.signature);
    },
    putSignature: async (release, signature) => put(signatureOf(imageJson(release)), signature),
    async otherChannels(channel) {
      const names = existsSync(at(CHANNELS)) ? readdirSync(at(CHANNELS)) : [];
      const others = names.filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -".json".length));
      return others.filter((name) => name !== channel);
    },
    async putChannel(channel, { index, signature, revoked }) {
      if (revoked !== undefined) {
        put(at(signatureOf(REVOKED_PATH)), revoked.signature);
        put(at(REVOKED_PATH), revoked.list);
      }
      // Each is replaced at once, but not both together. A node that comes in between asks again.
      put(at(signatureOf(channelPath(channel))), signature);
      put(at(channelPath(channel)), index);
    },
  };
}

function readIf(path: string): Buffer | undefined {
  return existsSync(path) ? readFileSync(path) : undefined;
}

async function isWhole(target: string, { files }: ImageFiles): Promise<boolean> {
  for (const { name, sha256, size } of files) {
    const path = join(target, name);
    if (!existsSync(path) || statSync(path).size !== size || (await sha256File(path)) !== sha256) return false;
  }
  return true;
}

/** Fills a directory beside the target, which then takes its place: nobody sees half an image. */
async function putFiles(target: string, { directory, files }: ImageFiles, images: string): Promise<void> {
  const next = `${target}.${process.pid}.new`;
  try {
    mkdirSync(next, { recursive: true });
    for (const { name, sha256, size } of files) {
      const twin = await twinOf(images, name, sha256, size);
      if (twin === undefined || !isLinked(twin, join(next, name))) {
        copyFileSync(join(directory, name), join(next, name));
      }
    }
    rmSync(target, { recursive: true, force: true });
    renameSync(next, target);
  } finally {
    rmSync(next, { recursive: true, force: true });
  }
}

/** Links a file. Not every file system has hard links, and not everybody's files may be linked (proc_sys_fs(5)). */
function isLinked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (["EPERM", "EOPNOTSUPP", "EMLINK", "EXDEV"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}

/** The same part in another published image: both take room only once. */
async function twinOf(images: string, name: string, sha256: string, size: number): Promise<string | undefined> {
  if (!existsSync(images)) return undefined;
  for (const other of readdirSync(images)) {
    const path = join(images, other, name);
    if (!existsSync(path) || statSync(path).size !== size) continue;
    if (createHash("sha256").update(readFileSync(path)).digest("hex") === sha256) return path;
  }
  return undefined;
}
