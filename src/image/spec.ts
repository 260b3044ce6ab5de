import * as v from "valibot";
import { ARCHITECTURES, type ArchitectureName } from "./architecture.ts";
import { flavourName, ownFlavour } from "./flavour-schema.ts";
import { parseYaml } from "./parse-yaml.ts";

/** What an image is for, and the machine that builds it. */
export interface Architectures {
  readonly architecture: ArchitectureName;
  readonly host: ArchitectureName;
}

const names = v.optional(v.array(v.string()), []);
const octalMode = v.pipe(
  v.union([v.string(), v.number()]),
  v.transform(String),
  v.regex(/^0?[0-7]{3,4}$/, "expected an octal mode such as 0644"),
  v.transform((text) => Number.parseInt(text, 8)),
);
const owner = v.pipe(v.string(), v.regex(/^\d+:\d+$/, "expected numbers such as 1000:1000"));
const absolutePath = v.pipe(v.string(), v.startsWith("/", "expected an absolute path"));

const fileSchema = v.pipe(
  v.strictObject({
    path: absolutePath,
    content: v.optional(v.string()),
    source: v.optional(v.string()),
    mode: v.optional(octalMode, "0644"),
    owner: v.optional(owner, "0:0"),
  }),
  v.check((file) => (file.content === undefined) !== (file.source === undefined), "expected either content or source"),
);

const sourceSchema = v.strictObject({
  name: v.pipe(v.string(), v.regex(/^[a-z0-9-]+$/, "expected lower-case letters, digits and dashes")),
  uri: v.pipe(v.string(), v.url("expected an address")),
  suite: v.string(),
  components: v.array(v.string()),
  /** The keys that its index is signed with; relative to the spec. */
  keyring: v.string(),
});

const specSchema = v.strictObject({
  kubernetes: v.optional(
    v.variant("source", [
      v.strictObject({ source: v.literal("upstream") }),
      v.strictObject({
        source: v.literal("k3s"),
        version: v.pipe(v.string(), v.regex(/^v1\.\d+\.\d+.*\+k3s\d+$/, "expected a version such as v1.34.1+k3s1")),
      }),
    ]),
    { source: "upstream" },
  ),
  packages: names,
  drop: names,
  files: v.optional(v.array(fileSchema), []),
  /** The flavour of whatever is built from this; each medium has a usual one. */
  flavour: v.optional(flavourName),
  /** Flavours besides those of `os/flavours.yaml`. */
  flavours: v.optional(v.record(flavourName, ownFlavour), {}),
  kernel: v.optional(v.strictObject({ keep: names, arguments: names }), {}),
  modules: names,
  images: names,
  manifests: names,
  apt: v.optional(
    v.strictObject({
      mirror: v.optional(v.string()),
      security: v.optional(v.string()),
      sources: v.optional(v.array(sourceSchema), []),
    }),
    {},
  ),
});

const packageSet = { packages: v.array(v.string()), exclude: v.array(v.string()), drop: v.array(v.string()) };

const baseSchema = v.strictObject({
  ...packageSet,
  links: v.record(absolutePath, v.string()),
  copies: v.record(absolutePath, absolutePath),
  edits: v.array(v.strictObject({ path: absolutePath, find: v.string(), replace: v.string() })),
  applets: v.strictObject({ without: v.array(v.string()) }),
  users: v.array(
    v.strictObject({
      name: v.string(),
      uid: v.number(),
      gid: v.optional(v.number()),
      groups: names,
      home: v.string(),
      shell: v.optional(v.string(), "/usr/sbin/nologin"),
      comment: v.optional(v.string(), ""),
    }),
  ),
  groups: v.array(v.strictObject({ name: v.string(), gid: v.number() })),
  modes: v.array(v.strictObject({ path: absolutePath, mode: octalMode, owner: v.optional(owner, "0:0") })),
  directories: v.array(absolutePath),
  kernel: v.strictObject({ exclude: packageSet.exclude, drop: packageSet.drop }),
  initrd: v.strictObject({ modules: v.array(v.string()), netboot: names }),
  target: v.strictObject(packageSet),
  tools: v.strictObject(packageSet),
  go: v.strictObject(packageSet),
});

/** What a user adds to the image: `image.yaml`. */
export type ImageSpec = v.InferOutput<typeof specSchema>;
/** What every image is made of: `os/base.yaml`. */
export type BaseSpec = v.InferOutput<typeof baseSchema>;

/** `name` is how errors call the file: `image.yaml:7:11 packages.2: expected a string but received 5`. */
export function parseImageSpec(text: string, name: string): ImageSpec {
  return parseYaml(specSchema, text, name);
}

/** With the names of the node's and of the building machine's architectures in their places (`os/base.yaml`). */
export function parseBaseSpec(text: string, name: string, { architecture, host }: Architectures): BaseSpec {
  const { debian, triple } = ARCHITECTURES[architecture];
  const names = { "{arch}": debian, "{triple}": triple, "{host-triple}": ARCHITECTURES[host].triple };
  const named = Object.entries(names).reduce((all, [place, given]) => all.replaceAll(place, given), text);
  return parseYaml(baseSchema, named, name);
}
