/** docs/config.md, from the schema. */
import type { Kind } from "./kinds.ts";
import { schema } from "./schema.ts";

const INTRODUCTION = `# config.yaml

<!-- Written from src/config/schema.ts by a test beside it: npm run docs. Edits here are lost. -->

One file makes an image your node. Every key is optional. \`./k3os config check FILE\` tells what is wrong with a file before a node gets it;
\`sudo k3os config\` on the node shows the merged value, \`--why KEY\` where a value comes from, \`--plan\` what applying would change.

## In an editor

[config.schema.json](config.schema.json) (\`./k3os config schema\` prints it) lets an editor complete and check what you write. With the YAML
language server, which VS Code, Neovim, Emacs and others use, the first line of the file says where it is:

\`\`\`yaml
# yaml-language-server: $schema=config.schema.json
hostname: node-1
\`\`\`

The last word has \`./k3os config check\`: it knows more than a JSON Schema can say.

## Where it is read from

Lowest first; a higher layer replaces a lower one key by key, lists and maps as a whole. \`null\` takes a value back.

1. \`/k3os/system/config.yaml\`: comes with the image's volume.
2. The kernel's command line: \`hostname=a k3os.token=t k3os.labels[zone]=a\`; repeat a word for a list.
3. \`/var/lib/rancher/k3os/config.yaml\`: yours, on the node.
4. What the surroundings hand over: \`meta-data\` of a NoCloud volume (label \`cidata\`), \`/run/config/local_hostname\`,
   \`/run/config/ssh/authorized_keys\`. Their ssh keys are added to those of the other layers.
5. User data: \`user-data\` of a NoCloud volume, as YAML, \`#cloud-config\`, or a script (\`#!\`), which then runs once the network is up.
6. \`/var/lib/rancher/k3os/config.d/*\`: in the order of their names.

A layer with an error is rejected as a whole before anything is applied, and the node comes up with the others. What is wrong is shown on
the console, above the login, in \`k3os status\` and by \`k3os config\`:

\`\`\`
/run/config/userdata:3:11 k3os.labels.zone: expected a string, got a list
\`\`\`

Keys may be written in snake_case, camelCase or without separators (\`run_cmd\`, \`runCmd\`, \`runcmd\`), as old k3OS allowed it. A single value stands for
a list of one.

## Keys
`;

/** The whole page, ending in a newline. */
export function configReference(): string {
  const rows = keysOf("", schema);
  return [
    INTRODUCTION,
    "| key | value | meaning | example |",
    "|---|---|---|---|",
    ...rows.map(
      ({ path, kind }) => `| \`${path}\` | ${describeValue(kind)} | ${meaning(kind)} | ${example(path, kind)} |`,
    ),
    "",
  ].join("\n");
}

interface Row {
  readonly path: string;
  readonly kind: Kind;
}

function keysOf(prefix: string, kind: Kind): Row[] {
  if (kind.kind !== "struct") return [];
  return Object.entries(kind.keys).flatMap(([name, inner]) => {
    const path = prefix + name;
    if (inner.kind === "struct") return keysOf(`${path}.`, inner);
    const below = inner.kind === "list" ? keysOf(`${path}[].`, inner.item) : [];
    if (inner.kind === "map") below.push(...keysOf(`${path}.NAME.`, inner.value));
    return [{ path, kind: inner }, ...below];
  });
}

const VALUES: Readonly<Record<Exclude<Kind["kind"], "list">, string>> = {
  text: "text",
  flag: "true or false",
  map: "map of texts",
  struct: "map",
};

function describeValue(kind: Kind): string {
  if (kind.kind === "list") return kind.item.kind === "struct" ? "list of maps" : "list of texts";
  return kind.kind === "map" && kind.value.kind === "struct" ? "map of maps" : VALUES[kind.kind];
}

function meaning({ about, secret, caveat }: Kind): string {
  const sentences = [about, ...(secret ? ["Never shown."] : []), ...(caveat ? [`Not yet: ${caveat}.`] : [])];
  return sentences.join(" ").replaceAll("|", "\\|");
}

function example(path: string, { example }: Kind): string {
  const name = path.split(".").at(-1) ?? path;
  return example === undefined ? "" : `\`${name}: ${example.replaceAll("|", "\\|")}\``;
}
