/** The images that the suite's pods run, made of its own sources and Debian's packages. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { K3osError } from "../../src/errors.ts";
import type { ContainerImage } from "../../src/formats/oci.ts";
import type { TarEntry } from "../../src/formats/tar.ts";

/** What an image holds above the Debian that all of them stand on, and what it runs. */
interface Recipe extends Pick<ContainerImage, "entrypoint" | "command" | "user"> {
  readonly layers: readonly Layer[];
}

const LAYERS = ["agnhost", "nautilus", "kitten", "nnp"] as const;
type Layer = (typeof LAYERS)[number];

const agnhost = { layers: ["agnhost"], entrypoint: ["/agnhost"], command: ["pause"] } as const;
const webServer = { entrypoint: ["/agnhost"], command: ["test-webserver"] } as const;
const shell = { layers: [], entrypoint: [], command: ["sh"] } as const;

/** By the last part of an image's name, whatever its tag. All others would have to come from elsewhere. */
export const RECIPES: Readonly<Record<string, Recipe>> = {
  agnhost,
  "glibc-dns-testing": agnhost,
  busybox: shell,
  nautilus: { ...webServer, layers: ["agnhost", "nautilus"] },
  kitten: { ...webServer, layers: ["agnhost", "kitten"] },
  nginx: { layers: [], entrypoint: [], command: ["nginx", "-g", "daemon off;"] },
  nonewprivs: { layers: ["nnp"], entrypoint: [], command: ["nnp"] },
  nonroot: { ...shell, user: "1234" },
  pause: { layers: [], entrypoint: ["/usr/bin/catatonit", "-P"], user: "65535:65535" },
};

/** The suite's own registries. From others it wants to be refused. */
const REGISTRY = "registry.k8s.io/";

/** The images that are made, of those that the suite lists: its whole names. */
export function madeImages(list: string): string[] {
  return list
    .split("\n")
    .filter((name) => name.startsWith(REGISTRY) && Object.hasOwn(RECIPES, nameOf(name)))
    .sort();
}

const nameOf = (reference: string) => reference.replace(/:[^:/]*$/, "").replace(/^.*\//, "");

/** The images of those names; `suite` is what build.sh has made, `debian` the tree that they stand on. */
export function containerImages(
  names: readonly string[],
  { suite, debian, architecture }: { readonly suite: string; readonly debian: string; readonly architecture: string },
): ContainerImage[] {
  const base = treeEntries(debian);
  const layers = layerFiles(suite);
  return names.map((reference) => {
    const recipe = RECIPES[nameOf(reference)];
    if (recipe === undefined) throw new K3osError("build", `No recipe makes ${reference}.`);
    const { layers: own, ...rest } = recipe;
    const [files = [], ...below] = [base, ...own.map((name) => layers[name])].reverse();
    return { ...rest, reference, architecture, files, below: below.reverse() };
  });
}

function layerFiles(suite: string): Readonly<Record<Layer, readonly TarEntry[]>> {
  const program = (name: string) => new Uint8Array(readFileSync(join(suite, name)));
  const files = (name: string) => treeEntries(join(suite, "files", name));
  return {
    // A spec runs it by its second name in the place of the image's own command.
    agnhost: [
      { path: "agnhost", data: program("agnhost"), mode: 0o755 },
      { path: "agnhost-2", type: "link", target: "agnhost" },
      ...files("agnhost"),
    ],
    nautilus: files("nautilus"),
    kitten: files("kitten"),
    nnp: [
      { path: "usr/local/bin", type: "directory" },
      { path: "usr/local/bin/nnp", data: program("nnp"), mode: 0o6755 },
    ],
  };
}

/** All that is below a directory, in alphabetical order, as root's. */
function treeEntries(root: string): TarEntry[] {
  const walk = (below: string): TarEntry[] =>
    readdirSync(join(root, below), { withFileTypes: true })
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((entry): TarEntry[] => {
        const path = below === "" ? entry.name : `${below}/${entry.name}`;
        const file = join(root, path);
        if (entry.isSymbolicLink()) return [{ path, type: "link", target: readlinkSync(file) }];
        const mode = WRITABLE.includes(path) ? 0o1777 : lstatSync(file).mode & 0o7777;
        if (entry.isDirectory()) return [{ path, type: "directory", mode }, ...walk(path)];
        return [{ path, data: new Uint8Array(readFileSync(file)), mode }];
      });
  return walk("");
}

/** Where everybody may write. */
const WRITABLE = ["tmp", "var/tmp", "uploads"];
