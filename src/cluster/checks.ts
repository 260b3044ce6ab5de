/** What is wrong with a cluster file beyond its single values. Pure. */
import type { Config } from "../config/index.ts";
import type { Finding } from "../config/problem.ts";
import { manifestName as manifestNameCheck } from "../config/schema/remote.ts";
import { type ManifestFile, manifestName } from "./manifests.ts";
import { machineIn, membershipIn } from "./member.ts";
import type { ClusterYaml } from "./schema.ts";

/** A finding whose place is that of its path. */
export type Flaw = Omit<Finding, "span">;

/** The longest name that a host can have. */
const LONGEST = 63;

/** `manifests` are the files of each pattern. */
export function crossFindings(file: ClusterYaml, manifests: readonly (readonly ManifestFile[])[]): Flaw[] {
  return [
    ...serverFlaws(file),
    ...nameFlaws(file),
    ...addressFlaws(file),
    ...configFlaws(file.config, "config", true),
    ...file.nodes.flatMap((node, index) => configFlaws(node.config, `nodes[${index}].config`, false)),
    ...manifestFlaws(file, manifests),
  ];
}

const error = (path: string, message: string, hint: string): Flaw => ({ weight: "error", path, message, hint });

function serverFlaws({ nodes }: ClusterYaml): Flaw[] {
  const servers = nodes.filter(({ role }) => role === "server").length;
  if (servers === 0) {
    const got = nodes.length === 0 ? "no node" : nodes.length === 1 ? "one agent" : `${nodes.length} agents`;
    return [error("nodes", `expected a server among the nodes, got ${got}`, "give one of them `role: server`")];
  }
  if (servers % 2 === 1) return [];
  const message = `expected an odd number of servers, got ${servers}`;
  const hint = `${servers} outlive the loss of no more of them than ${servers - 1} do`;
  return [{ weight: "warning", path: "nodes", message, hint }];
}

function nameFlaws({ name, nodes }: ClusterYaml): Flaw[] {
  const long = nodes.map((node, index) => ({ index, length: `${name}-${node.name}`.length }));
  return long.flatMap(({ index, length }) =>
    length <= LONGEST
      ? []
      : error(
          `nodes[${index}].name`,
          `expected a name that has at most ${LONGEST} letters with that of the cluster before it, got ${length}`,
          "shorten one of the two",
        ),
  );
}

function addressFlaws({ nodes }: ClusterYaml): Flaw[] {
  return nodes.flatMap(({ address }, index) => {
    const other = nodes.slice(0, index).find((one) => address !== undefined && one.address === address);
    if (other === undefined) return [];
    const message = `expected an address of its own, got that of ${other.name}`;
    return error(`nodes[${index}].address`, message, "two nodes cannot have one address");
  });
}

/** What the file says of a node in keys of its own. */
function configFlaws(config: Config | undefined, path: string, ofAll: boolean): Flaw[] {
  const { hostname, k3os } = config ?? {};
  const { token, server_url, k3s_args } = k3os ?? {};
  const args = k3s_args ?? [];
  const word = membershipIn(args);
  const address = ofAll ? machineIn(args) : undefined;
  const flaws: (Flaw | false)[] = [
    hostname != null &&
      error(`${path}.hostname`, "expected no host name here, got one", "a node's host name is its `name` in `nodes`"),
    token != null &&
      error(`${path}.k3os.token`, "expected no token here, got one", "its place is `token` at the top of the file"),
    server_url != null &&
      error(
        `${path}.k3os.server_url`,
        "expected no server to join here, got one",
        "nodes join the first server of the file, by its `address`",
      ),
    word !== undefined &&
      error(
        `${path}.k3os.k3s_args`,
        `expected arguments that make no member, got \`${word}\``,
        "take it out: it follows from the node's `role`, `token` and the other nodes",
      ),
    address !== undefined &&
      error(
        `${path}.k3os.k3s_args`,
        `expected arguments for all servers, got \`${address}\``,
        "its place is the `config` of one of `nodes`",
      ),
  ];
  return flaws.filter((flaw) => flaw !== false);
}

function manifestFlaws({ manifests = [], config, nodes }: ClusterYaml, files: readonly (readonly ManifestFile[])[]) {
  const own = nodes.find(({ role }) => role === "server")?.config?.k3os?.manifests ?? [];
  const inline = [...(config?.k3os?.manifests ?? []), ...own];
  const seen = new Map(inline.map(({ name }) => [name, "`k3os.manifests`"]));
  return files.flatMap((found, index): Flaw[] => {
    const path = `manifests[${index}]`;
    if (found.length === 0) {
      const hint = "paths are relative to the cluster file";
      return [error(path, `expected files, got none for ${JSON.stringify(manifests[index])}`, hint)];
    }
    return found.flatMap((file): Flaw[] => {
      const name = manifestName(file.path);
      const complaint = manifestNameCheck(name);
      if (complaint !== undefined)
        return [error(path, `expected ${complaint.expected}, got ${JSON.stringify(name)}`, complaint.hint ?? "")];
      const other = seen.get(name);
      seen.set(name, file.path);
      if (other === undefined || other === file.path) {
        return other === undefined
          ? []
          : [error(path, `expected each file once, got ${file.path} again`, "let only one pattern name it")];
      }
      const message = `expected manifests of different names, got \`${name}\` from ${other} and ${file.path}`;
      return [error(path, message, "rename one of the two: the name is that of the file on the server")];
    });
  });
}
