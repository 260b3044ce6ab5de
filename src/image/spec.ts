import * as v from "valibot";
import { isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import { K3osError } from "../errors.ts";
import { ARCHITECTURES, type ArchitectureName } from "./architecture.ts";
import type { KernelName } from "./kernels.ts";

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
  kernel: v.optional(v.strictObject({ package: v.optional(v.string()), keep: names, arguments: names }), {}),
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
  kernel: v.strictObject({
    ...packageSet,
    packages: v.strictObject({ cloud: v.string(), metal: v.string() } satisfies Record<KernelName, unknown>),
  }),
  initrd: v.strictObject({ modules: v.array(v.string()), metal: names, netboot: names }),
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
  return parse(specSchema, text, name);
}

/** With the names of the node's and of the building machine's architectures in their places (`os/base.yaml`). */
export function parseBaseSpec(text: string, name: string, { architecture, host }: Architectures): BaseSpec {
  const { debian, triple } = ARCHITECTURES[architecture];
  const names = { "{arch}": debian, "{triple}": triple, "{host-triple}": ARCHITECTURES[host].triple };
  const named = Object.entries(names).reduce((all, [place, given]) => all.replaceAll(place, given), text);
  return parse(baseSchema, named, name);
}

function parse<S extends v.GenericSchema>(schema: S, text: string, name: string): v.InferOutput<S> {
  const lines = new LineCounter();
  // YAML 1.1 octal numbers: 0644 is kept as it is written, and read as a mode where one is expected.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, schema: "core" });
  const [broken] = document.errors;
  if (broken) {
    const { line, col } = lines.linePos(broken.pos[0]);
    throw invalid(`${name}:${line}:${col} ${broken.message}`);
  }
  const result = v.safeParse(schema, document.toJS() ?? {});
  if (result.success) return result.output;
  const problems = result.issues.map((issue) => {
    const path = (issue.path ?? []).map(({ key }) => key);
    const { line, col } = lines.linePos(offsetOf(document, path, issue.expected === "never"));
    return `${name}:${line}:${col} ${path.length > 0 ? `${path.join(".")}: ` : ""}${sentence(issue)}`;
  });
  throw invalid(problems.join("\n"));
}

function invalid(message: string): K3osError {
  return new K3osError("config", message, { hint: "os/image.yaml in the repository shows every key." });
}

/**
 * The offset of the value at `path`; of its nearest parent when it is missing; of the key itself when that is wrong.
 */
function offsetOf(document: ReturnType<typeof parseDocument>, path: readonly unknown[], isKey: boolean): number {
  const parent = isKey ? document.getIn(path.slice(0, -1), true) : undefined;
  const pair = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && key.value === path.at(-1)) : undefined;
  if (isScalar(pair?.key) && pair.key.range) return pair.key.range[0];
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

function sentence(issue: v.BaseIssue<unknown>): string {
  if (issue.type === "strict_object" && issue.expected === "never") return "there is no such key";
  if (issue.expected === null) return issue.message;
  return issue.message.startsWith("Invalid")
    ? `expected ${issue.expected} but received ${issue.received}`
    : issue.message;
}
