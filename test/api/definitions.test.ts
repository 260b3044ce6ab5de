import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { Kind } from "../../src/config/kinds.ts";
import { schema } from "../../src/config/schema.ts";
import { fileWith, keys, loadText } from "../../src/config/testing.ts";
import { nodeHost } from "../../src/host/node.ts";
import type { Machine } from "../../src/kubernetes/machine.ts";
import type { MachineConfig } from "../../src/kubernetes/machine-config.ts";
import type { MachinePool } from "../../src/kubernetes/machine-pool.ts";
import { isLikeCard } from "../../src/management/crds/conditions.ts";
import { refusal } from "../../src/management/crds/rules.ts";
import type { ApiAnswer } from "../../src/node/agent/client.ts";
import { ensureApi } from "../../src/node/agent/install.ts";
import { administrator, kubectl } from "./support/api.ts";

const GROUP = "/apis/k3os.io/v1alpha1";
const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const PLURALS = { Machine: "machines", MachinePool: "machinepools", MachineConfig: "machineconfigs" } as const;
type KindName = keyof typeof PLURALS;

const admin = administrator();
beforeAll(async () => void (await ensureApi(admin, nodeHost)));

const object = (kind: KindName, name: string, spec: unknown) => ({
  ...{ apiVersion: "k3os.io/v1alpha1", kind, metadata: { name } },
  ...(spec !== undefined && { spec }),
});

/** What the API would say of an object, without keeping it. */
function tried(kind: KindName, spec: unknown, name = "try"): Promise<ApiAnswer> {
  const query = "dryRun=All&fieldValidation=Strict";
  return admin.post(`${GROUP}/${PLURALS[kind]}?${query}`, object(kind, name, spec));
}

/** The reasons of a refusal, as `path: message`. */
function causes({ body }: ApiAnswer): string[] {
  const { details } = body as { details?: { causes?: { field: string; message: string }[] } };
  return (details?.causes ?? []).map(({ field, message }) => `${field}: ${message.replace(/^Invalid value: /, "")}`);
}

describe("The definitions", () => {
  interface Definition {
    readonly metadata: { readonly annotations: Record<string, string>; readonly generation: number };
    readonly status: { readonly conditions: readonly { type: string; status: string }[] };
  }
  const read = async (kind: KindName) => (await admin.get<Definition>(`${DEFINITIONS}/${PLURALS[kind]}.k3os.io`)).body;

  it.each(Object.keys(PLURALS) as KindName[])("of %s is established, and its schema has no flaw", async (kind) => {
    const conditions = (await read(kind))?.status.conditions ?? [];
    const of = (type: string) => conditions.find((one) => one.type === type)?.status;
    expect([of("Established"), of("NamesAccepted"), of("NonStructuralSchema")]).toEqual(["True", "True", undefined]);
  });

  it("are applied once", async () => expect(await ensureApi(admin, nodeHost)).toBe("current"));

  it("are listed by kubectl get k3os, with the columns of each kind", async () => {
    const { stdout, stderr } = await kubectl(["get", "k3os"]);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^NAME +TARGET +MACHINES +UPDATED +UNAVAILABLE +READY +STATUS +AGE$/m);
    expect(stdout).toMatch(/^machinepool.k3os.io\/servers /m);
    expect(stdout).toMatch(/^machinepool.k3os.io\/agents /m);
  });

  it("of a newer release are left alone", async () => {
    const path = `${DEFINITIONS}/machines.k3os.io`;
    const binding = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/k3os:agent";
    const annotate = (at: string, revision: string | null, digest: string | null) =>
      admin.patch(
        at,
        { metadata: { annotations: { "k3os.io/crd-revision": revision, "k3os.io/digest": digest } } },
        "merge",
      );
    // Another server is just applying them: it has come as far as the first.
    await annotate(path, "99", "newer");
    await annotate(binding, "0", "older");
    const before = await read("Machine");
    expect(await ensureApi(admin, nodeHost)).toBe("newer");
    await annotate(binding, "99", "newer");
    expect(await ensureApi(admin, nodeHost)).toBe("newer");
    expect(await read("Machine")).toEqual(before);
    await annotate(path, null, null);
    await annotate(binding, null, null);
    expect(await ensureApi(admin, nodeHost)).toBe("applied");
    expect((await read("Machine"))?.metadata.annotations["k3os.io/crd-revision"]).toBe("1");
  });

  it("of another build are replaced, and the first pools stay as the user has them", async () => {
    const spec = { nodeSelector: { matchLabels: { a: "b" } } };
    await admin.patch(`${GROUP}/machinepools/servers`, { spec }, "merge");
    const { body: pool } = await admin.get<MachinePool>(`${GROUP}/machinepools/agents`);
    await admin.delete(`${GROUP}/machinepools/agents`);
    const binding = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/k3os:agent";
    await admin.patch(binding, { metadata: { annotations: { "k3os.io/digest": "other" } } }, "merge");
    expect(await ensureApi(admin, nodeHost)).toBe("applied");
    const { body: servers } = await admin.get<MachinePool>(`${GROUP}/machinepools/servers`);
    expect(servers?.spec.nodeSelector?.matchLabels).toEqual({ a: "b" });
    expect((await admin.get(`${GROUP}/machinepools/agents`)).status).toBe(404);
    await admin.post(`${GROUP}/machinepools`, object("MachinePool", "agents", pool?.spec));
  });

  it.each([
    ["kmc.spec.config.k3os.sysctls", "Kernel parameters. Such as { vm.max_map_count: 262144 }"],
    ["kmc.spec.config.k3os.users.shell", "The shell; /bin/bash if not given."],
    ["kmc.spec.config.k3os.token", "Refused: a MachineConfig does not set it; which cluster a node belongs to"],
    ["kmc.spec.config.k3os.network.ethernets.dhcp4", "An IPv4 address by DHCP."],
    ["kmc.spec.atMost", "What it may do to a node at most"],
    ["kmp.spec.rollout.maxUnavailable", "How many nodes of the pool may be unavailable at once"],
    ["kmp.status.turns", "Who may be disturbed now."],
    ["km.status.slots.state", "Running, Previous, Staged, OnTrial or Failed."],
  ])("explain %s", async (path, text) => {
    const { stdout } = await kubectl(["explain", path]);
    expect(stdout.replace(/\s+/g, " ")).toContain(text);
  });
});

describe("A MachineConfig", () => {
  const everything = parse(readFileSync(join(import.meta.dirname, "../../examples/everything.yaml"), "utf8"));

  it("takes all of config.yaml but what belongs to one node, and adds nothing of its own", async () => {
    const config = permitted(everything, schema, "");
    const spec = { nodeSelector: {}, paused: true, atMost: "Restart", config } as const;
    const answer = await tried("MachineConfig", spec);
    expect(answer.reason).toBe("");
    expect((answer.body as MachineConfig).spec).toEqual(spec);
  });

  // In a file, a role is an argument, a network may have a passphrase, and 0600 is a text.
  const ONLY_IN_FILES = ["k3os.k3s_args", "k3os.wifi", "write_files[].permissions"];
  const examples = [...keys(schema, "")].filter(
    ([path, { example }]) => example !== undefined && !refused(path) && !ONLY_IN_FILES.includes(path),
  );
  it.each(examples)("takes the example of %s", async (path, { example = "" }) => {
    expect((await tried("MachineConfig", { config: parse(fileWith(path, example)) })).reason).toBe("");
  });

  const k3os = (config: object) => ({ k3os: config });
  it.each<[string, object]>([
    ["a host name", { hostname: "geheim" }],
    ["a token", k3os({ token: "geheim" })],
    ["a password", k3os({ password: "geheim" })],
    ["a user's password", k3os({ users: [{ name: "ada", password: "geheim" }] })],
    ["a passphrase", k3os({ wifi: [{ name: "home", passphrase: "geheim it is" }] })],
    [
      "a registry's password",
      k3os({ registries: { configs: { "a.lan": { auth: { username: "a", password: "geheim" } } } } }),
    ],
    ["a server", k3os({ server_url: "https://a:6443" })],
    ["data sources", k3os({ data_sources: ["cdrom"] })],
    ["the installer's settings", k3os({ install: { device: "/dev/vda", silent: true } })],
    ["a role", k3os({ k3s_args: ["server"] })],
    ["a flag with a secret", k3os({ k3s_args: ["--token=geheim"] })],
    ["two words in an argument", k3os({ k3s_args: ["--disable metrics-server"] })],
    ["a flag that k3s had", k3os({ k3s_args: ["--no-deploy=traefik"] })],
    ["a variable that sounds secret", k3os({ environment: { API_TOKEN: "geheim" } })],
    ["a variable of two lines", k3os({ environment: { A: "b\nc" } })],
    ["a password in a variable's URL", k3os({ environment: { A: "https://me:geheim@a" } })],
    ["a password in a URL", k3os({ proxy: { http: "http://me:geheim@proxy:3128" } })],
    [
      "a password in a mirror's URL",
      k3os({ registries: { mirrors: { "docker.io": { endpoint: ["https://me:geheim@a"] } } } }),
    ],
    ["a private key", { ssh_authorized_keys: ["-----BEGIN OPENSSH PRIVATE KEY-----\ngeheim"] }],
    ["a key that is none", { ssh_authorized_keys: ["octocat"] }],
    ["a sysctl without a dot", k3os({ sysctls: { "a.b": 1, somaxconn: 4096 } })],
    ["a label of Kubernetes", k3os({ labels: { a: "b", "node-role.kubernetes.io/worker": "a" } })],
    ["a label's value that is none", k3os({ labels: { a: "b", rack: "a b" } })],
    ["a taint without an effect", k3os({ taints: ["dedicated=db"] })],
    ["a time zone that is none", k3os({ timezone: "Ber lin" })],
    ["a mount where the system is", k3os({ mounts: [{ device: "/dev/vdb", path: "/var/lib" }] })],
    ["a mount that leaves its directory", k3os({ mounts: [{ device: "/dev/../x", path: "/mnt/a" }] })],
    ["a file system that cannot be made", k3os({ mounts: [{ device: "LABEL=a", path: "/mnt/a", format: true }] })],
    [
      "two mounts in one place",
      k3os({
        mounts: [
          { device: "/dev/vdb", path: "/mnt/a" },
          { device: "/dev/vdc", path: "/mnt/a" },
        ],
      }),
    ],
    ["a manifest from two places", k3os({ manifests: [{ name: "a", url: "https://a/b", content: "c" }] })],
    [
      "an address without the length of its prefix",
      k3os({ network: { ethernets: { eth0: { addresses: ["192.168.1.5"] } } } }),
    ],
    ["a gateway of the wrong kind", k3os({ network: { ethernets: { eth0: { gateway4: "2001:db8::1" } } } })],
    ["a route to nowhere", k3os({ network: { routes: [{ to: "10.0.0.0/8", via: "2001:db8::1" }] } })],
    ["an interface of the cluster", k3os({ network: { bridges: { cni0: { dhcp4: true } } } })],
    ["a trial that can never be kept", k3os({ upgrade: { deadline: "5m", stable_for: "10m" } })],
    ["a check of nothing", k3os({ upgrade: { checks: [{ name: "web" }] } })],
    ["a check of no namespace", k3os({ upgrade: { checks: [{ name: "web", pods: { namespace: "A b" } }] } })],
    ["an account of the system", k3os({ users: [{ name: "root" }] })],
    ["a file in no place", { write_files: [{ path: "motd", content: "a" }] }],
    ["permissions as a number", { write_files: [{ path: "/etc/motd", permissions: 644 }] }],
    ["a packet that is too small", k3os({ network: { ethernets: { eth0: { mtu: 10 } } } })],
    ["several mistakes", { hostname: "a", k3os: { token: "b", users: [{ name: "A" }] } }],
  ])("with %s is refused", async (_, config) => {
    const answer = await tried("MachineConfig", { config });
    expect(answer.status).toBe(422);
    expect(answer.reason).not.toContain("geheim");
    expect(causes(answer)).toMatchSnapshot();
  });

  it("with an unknown key is refused", async () => {
    const answer = await tried("MachineConfig", { config: { k3os: { sysctl: { "a.b": "1" } } } });
    expect(answer.status).toBe(400);
    expect(answer.reason).toContain('unknown field "spec.config.k3os.sysctl"');
  });

  const JUNK = [
    "",
    " ",
    "a b",
    "-",
    "/",
    "../x",
    "/mnt/../x",
    "a\nb",
    "é",
    "1.2.3.4",
    "::1",
    "http://a b",
    "x".repeat(70),
  ];
  const texts = [...keys(schema, "")].filter(
    ([path, { kind }]) => kind === "text" && !refused(path) && !isLikeCard(path),
  );
  it.each(texts)("is not stricter on a node: what the API takes as %s, config.yaml takes", async (path) => {
    for (const junk of JUNK) {
      const item = path.endsWith("[]");
      const text = fileWith(item ? path.slice(0, -2) : path, JSON.stringify(item ? [junk] : junk));
      const taken = (await tried("MachineConfig", { config: parse(text) })).status === 201;
      const errors = loadText(text).problems.filter(({ severity }) => severity === "error");
      if (taken) expect([junk, errors.map(({ message }) => message)]).toEqual([junk, []]);
    }
  });

  const secret = (path: string, ref: object = { name: "mirror", key: "password" }) => ({
    secrets: [{ path, secretKeyRef: ref }],
  });
  it.each(['k3os.registries.configs["registry.example.com:5000"].auth.password', "k3os.wifi[0].passphrase"])(
    "takes a value from a Secret for %s",
    async (path) => expect((await tried("MachineConfig", secret(path))).reason).toBe(""),
  );

  it.each<[string, object, string]>([
    [
      "a path with a name that has to stand in brackets",
      secret("k3os.sysctls.a/b"),
      '"k3os.sysctls.a/b": expected keys with dots between them; names with other letters in brackets: a.b["c.d"].e or a[0].b',
    ],
    ["a Secret without a key", secret("k3os.wifi[0].passphrase", { name: "a" }), "spec.secrets[0].secretKeyRef.key"],
  ])("with %s is refused", async (_, spec, reason) => {
    const answer = await tried("MachineConfig", spec);
    expect(answer.status).toBe(422);
    expect(answer.reason).toContain(reason);
  });

  it("has several owners, each of its keys: server-side apply merges maps, lists by name, and sets", async () => {
    const path = `${GROUP}/machineconfigs/shared`;
    const layer = (config: object) => object("MachineConfig", "shared", { config });
    const ada = { name: "ada", sudo: true };
    const bob = { name: "bob" };
    const one = { ssh_authorized_keys: ["github:ada"], k3os: { sysctls: { "a.b": "1" }, users: [ada] } };
    const two = { ssh_authorized_keys: ["github:bob"], k3os: { sysctls: { "a.c": 2 }, users: [bob] } };
    expect((await admin.applyAs("one", path, layer(one))).reason).toBe("");
    expect((await admin.applyAs("two", path, layer(two))).reason).toBe("");
    const { body } = await admin.get<MachineConfig>(path);
    expect(body?.spec.config).toEqual({
      ssh_authorized_keys: ["github:ada", "github:bob"],
      k3os: { sysctls: { "a.b": "1", "a.c": 2 }, users: [ada, bob] },
    });
    const conflict = await admin.applyAs("two", path, layer({ k3os: { sysctls: { "a.b": "2" } } }));
    expect(conflict.status).toBe(409);
    expect(conflict.reason).toContain('conflict with "one": .spec.config.k3os.sysctls.a.b');
  });

  it("can be tried by kubectl without being kept", async () => {
    const good = object("MachineConfig", "dry", { config: { k3os: { modules: ["nbd"] } } });
    const args = ["apply", "--server-side", "--dry-run=server", "-f", "-"];
    expect((await kubectl(args, good)).stdout).toContain(
      "machineconfig.k3os.io/dry serverside-applied (server dry run)",
    );
    const bad = object("MachineConfig", "dry", { config: { k3os: { modules: ["n b d !"] } } });
    const { status, stderr } = await kubectl(args, bad);
    expect(status).toBe(1);
    expect(stderr).toContain(
      'spec.config.k3os: Invalid value: modules: expected a module, with or without parameters, got "n b d !"; such as `nbd nbds_max=16`',
    );
    expect((await admin.get(`${GROUP}/machineconfigs/dry`)).status).toBe(404);
  });
});

function refused(path: string): boolean {
  const names = path.split(".");
  return names.some((_, index) => {
    const start = names.slice(0, index + 1).join(".");
    const kind = [...keys(schema, "")].find(([at]) => at === start)?.[1];
    return kind !== undefined && refusal(start, kind) !== undefined;
  });
}

/** The value without the keys that a MachineConfig must not set. */
function permitted(value: unknown, kind: Kind, path: string): unknown {
  if (kind.kind === "list")
    return (value as unknown[])
      .map((item) => permitted(item, kind.item, `${path}[]`))
      .filter((item) => !(path === "k3os.k3s_args" && item === "agent"));
  if (kind.kind !== "map" && kind.kind !== "struct") return value;
  const entries = Object.entries(value as object).flatMap(([name, inner]) => {
    if (kind.kind === "map") return [[name, permitted(inner, kind.value, `${path}.NAME`)]];
    const at = path === "" ? name : `${path}.${name}`;
    const child = kind.keys[name] as Kind;
    return refusal(at, child) === undefined ? [[name, permitted(inner, child, at)]] : [];
  });
  return Object.fromEntries(entries);
}

describe("A MachinePool", () => {
  const full: MachinePool["spec"] = {
    nodeSelector: { matchExpressions: [{ key: "a", operator: "In", values: ["b"] }], matchLabels: { c: "d" } },
    image: { version: "0.32.0", source: "https://example.com/k3os", allowDowngrade: false },
    paused: false,
    approval: "Manual",
    approved: `sha256:${"0".repeat(64)}`,
    restartedAt: "2026-01-31T02:00:00Z",
    retry: "once more",
    rollout: {
      maxUnavailable: "25%",
      after: [{ pool: "servers", soak: "1d12h" }],
      windows: [{ days: ["Sat", "Sun"], start: "02:00", duration: "4h", timeZone: "Europe/Berlin" }],
      drain: { mode: "Auto", timeout: "10m" },
    },
    trial: {
      ...{ deadline: "10m", stableFor: "30s" },
      checks: [
        { name: "ingress", pods: { namespace: "ingress", matchLabels: { "app.kubernetes.io/name": "nginx" } } },
        { name: "shop", pods: { namespace: "shop" } },
      ],
    },
  };

  it("takes all that there is, and adds nothing of its own", async () => {
    const answer = await tried("MachinePool", full);
    expect(answer.reason).toBe("");
    expect((answer.body as MachinePool).spec).toEqual(full);
  });

  it.each<[string, MachinePool["spec"]]>([
    ["nothing", {}],
    ["empty texts, as a template leaves them", { approved: "", restartedAt: "", retry: "" }],
    ["a channel", { image: { channel: "stable" } }],
    ["a registry", { image: { version: "0.32.0", source: "oci://registry.example.com/k3os" } }],
    ["a version with a suffix", { image: { version: "0.32.0-rc.1" } }],
    ["a number of nodes", { rollout: { maxUnavailable: 3 } }],
    ["all nodes at once", { rollout: { maxUnavailable: "100%" } }],
    ["the shortest trial", { trial: { deadline: "2m", stableFor: "0s" } }],
    ["the longest trial", { trial: { deadline: "2h", stableFor: "1h" } }],
    ["a window of a day", { rollout: { windows: [{ start: "00:00", duration: "24h" }] } }],
  ])("takes %s", async (_, spec) => expect((await tried("MachinePool", spec)).reason).toBe(""));

  const window = (more: object) => ({ rollout: { windows: [{ start: "02:00", duration: "4h", ...more }] } });
  const AT = "spec.rollout.windows[0]";
  const BETWEEN = (least: string, most: string) =>
    `expected a duration from ${least} to ${most}; such as 30s, 10m or 1h30m`;
  it.each<[string, object, string, string?]>([
    [
      "version and channel",
      { image: { version: "1.0.0", channel: "stable" } },
      "spec.image: expected either `version` or `channel`; without `image`, versions are left alone",
    ],
    [
      "an image that is none",
      { image: {} },
      "spec.image: expected either `version` or `channel`; without `image`, versions are left alone",
    ],
    [
      "a v before the version",
      { image: { version: "v0.32.0" } },
      'spec.image.version: "v0.32.0": expected a version without a v before it; such as 0.32.0',
    ],
    [
      "a channel that is none",
      { image: { channel: "Stable!" } },
      'spec.image.channel: "Stable!": expected the name of a channel; such as stable: small letters, digits, `.` and `-`; at most 63',
    ],
    [
      "a source that is none",
      { image: { channel: "a", source: "ftp://a" } },
      'spec.image.source: "ftp://a": expected the URL or the path of a directory with an index, or oci://REGISTRY/REPOSITORY; such as https://example.com/k3os or oci://registry.example.com/k3os; the channel is a key of its own',
    ],
    [
      "no node at once",
      { rollout: { maxUnavailable: 0 } },
      'spec.rollout.maxUnavailable: 0: expected a number from 1 on, or a percentage from 1% to 100%; such as 1 or "25%"',
    ],
    [
      "no percentage",
      { rollout: { maxUnavailable: "0%" } },
      'spec.rollout.maxUnavailable: "0%": expected a number from 1 on, or a percentage from 1% to 100%; such as 1 or "25%"',
    ],
    [
      "a wait for itself",
      { rollout: { after: [{ pool: "try" }] } },
      "spec.rollout.after: expected other pools; a pool cannot wait for itself",
    ],
    [
      "a soak that is none",
      { rollout: { after: [{ pool: "a", soak: "long" }] } },
      'spec.rollout.after[0].soak: "long": expected a duration; such as 30m, 24h or 7d',
    ],
    [
      "two servers at once",
      { rollout: { maxUnavailable: 2 } },
      "spec.rollout.maxUnavailable: expected 1 for the pool `servers`; two servers that restart at once may cost the cluster its quorum",
      "servers",
    ],
    [
      "a window at no time",
      window({ start: "24:00" }),
      `${AT}.start: "24:00": expected a time of the day; such as 02:00 or 23:30`,
    ],
    ["a window that is too short", window({ duration: "14m" }), `${AT}.duration: "14m": ${BETWEEN("15m", "24h")}`],
    [
      "a window of no zone",
      window({ timeZone: "Ber lin" }),
      `${AT}.timeZone: "Ber lin": expected a time zone; such as Europe/Berlin or UTC, a name below /usr/share/zoneinfo`,
    ],
    [
      "a day that is none",
      window({ days: ["Sonntag"] }),
      `${AT}.days[0]: "Sonntag": expected a day; Mon, Tue, Wed, Thu, Fri, Sat or Sun`,
    ],
    ["a short deadline", { trial: { deadline: "1m59s" } }, `spec.trial.deadline: "1m59s": ${BETWEEN("2m", "2h")}`],
    ["a long deadline", { trial: { deadline: "3h" } }, `spec.trial.deadline: "3h": ${BETWEEN("2m", "2h")}`],
    ["a deadline that is none", { trial: { deadline: "soon" } }, `spec.trial.deadline: "soon": ${BETWEEN("2m", "2h")}`],
    [
      "a trial that can never be kept",
      { trial: { deadline: "5m", stableFor: "5m" } },
      "spec.trial.stableFor: expected less than the deadline; a node that must be healthy for longer than it may try can never be kept",
    ],
    [
      "a check of pods nowhere",
      { trial: { checks: [{ name: "a", pods: { namespace: "Shop" } }] } },
      'spec.trial.checks[0].pods.namespace: "Shop": expected the name of a namespace; small letters, digits and `-`; at most 63',
    ],
    [
      "a check of labels that no pod can have",
      { trial: { checks: [{ name: "a", pods: { namespace: "shop", matchLabels: { app: "a b" } } }] } },
      "spec.trial.checks[0].pods.matchLabels: expected labels; such as app: nginx",
    ],
    [
      "an approval that nothing waits for",
      { approved: `sha256:${"0".repeat(64)}` },
      "spec.approved: expected `approval: Manual`; with Automatic nothing waits for it",
    ],
    [
      "an approval of a version",
      { approval: "Manual", approved: "0.32.0" },
      'spec.approved: "0.32.0": expected a digest; copy it from status.target.digest',
    ],
    [
      "a restart at no time",
      { restartedAt: "now" },
      'spec.restartedAt: "now": expected a time; such as 2026-01-31T02:00:00Z',
    ],
    [
      "a selector without values",
      { nodeSelector: { matchExpressions: [{ key: "a", operator: "In" }] } },
      "spec.nodeSelector.matchExpressions[0]: expected values for `In` and `NotIn`, and none for `Exists` and `DoesNotExist`",
    ],
    [
      "a selector with too many",
      { nodeSelector: { matchExpressions: [{ key: "a", operator: "Exists", values: ["b"] }] } },
      "spec.nodeSelector.matchExpressions[0]: expected values for `In` and `NotIn`, and none for `Exists` and `DoesNotExist`",
    ],
  ])("with %s is refused", async (_, spec, cause, name) => {
    const answer = await tried("MachinePool", spec, name);
    expect(answer.status).toBe(422);
    expect(causes(answer)).toEqual([cause]);
  });

  it("counts turns of each machine once", async () => {
    await admin.post(`${GROUP}/machinepools`, object("MachinePool", "turns", {}));
    const turn = {
      machine: "a",
      uid: "1",
      since: "2026-01-01T00:00:00Z",
      deadline: "2026-01-01T01:00:00Z",
      reason: "Image",
      protocol: 1,
    };
    const twice = await admin.patch(`${GROUP}/machinepools/turns/status`, { status: { turns: [turn, turn] } }, "merge");
    expect(twice.reason).toContain("Duplicate value");
    const many = Array.from({ length: 33 }, (_, index) => ({ ...turn, machine: `a${index}` }));
    const full = await admin.patch(`${GROUP}/machinepools/turns/status`, { status: { turns: many } }, "merge");
    expect(full.reason).toContain("must have at most 32 items");
  });

  it("is awaited by kubectl until agents have seen the change", async () => {
    const path = `${GROUP}/machinepools/awaited`;
    await admin.post(`${GROUP}/machinepools`, object("MachinePool", "awaited", {}));
    const ready = (observedGeneration: number) => {
      const lastTransitionTime = "2026-01-01T00:00:00Z";
      const condition = { type: "Ready", status: "True", reason: "UpToDate", message: "", lastTransitionTime };
      const conditions = [{ ...condition, observedGeneration }];
      return admin.patch(`${path}/status`, { status: { observedGeneration, conditions } }, "merge");
    };
    const wait = async (time: string) => {
      const { status } = await kubectl(["wait", "kmp/awaited", "--for=condition=Ready", `--timeout=${time}`]);
      return status;
    };
    await ready(1);
    expect(await wait("10s")).toBe(0);
    await admin.patch(path, { spec: { image: { version: "0.32.0" } } }, "merge");
    expect(await wait("1s")).toBe(1);
    const waiting = wait("30s");
    await ready(2);
    expect(await waiting).toBe(0);
  });

  it("lets one of two agents take a turn that both saw free", async () => {
    const path = `${GROUP}/machinepools/turns`;
    const { body } = await admin.get<MachinePool>(path);
    const take = () =>
      admin.patch(
        `${path}/status`,
        {
          metadata: { resourceVersion: body?.metadata.resourceVersion },
          status: { updated: 1, machines: (Math.random() * 1e9) | 0 },
        },
        "merge",
      );
    expect([(await take()).status, (await take()).status]).toEqual([200, 409]);
  });
});

describe("A Machine", () => {
  const time = "2026-01-31T02:00:00Z";
  const digest = `sha256:${"0".repeat(64)}`;
  const status: Machine["status"] = {
    observedGeneration: 1,
    pool: "agents",
    image: { version: "0.31.0", digest, kernel: "6.12.118", kubernetes: "v1.37.2" },
    slots: [
      { name: "a", version: "0.31.0", digest, state: "Running" },
      { name: "b", version: "0.32.0", digest, state: "Failed", message: "k3s did not start", stage: "k3s", at: time },
    ],
    boot: { at: time, tookSeconds: 24.5, downtimeSeconds: 41 },
    config: {
      ...{ revision: digest, desired: digest, state: "Conflict", layers: [{ name: "20-mirror", generation: 2 }] },
      conflicts: [{ path: "k3os.timezone", configs: ["10-a", "20-mirror"] }],
    },
    plan: [{ path: "k3os.registries", effect: "Restart", config: "20-mirror" }],
    drift: [{ kind: "File", path: "/etc/motd", since: time }],
    conditions: [
      { type: "Ready", status: "True", reason: "UpToDate", message: "All is well.", lastTransitionTime: time },
      { type: "Drifted", status: "True", reason: "FilesDiffer", message: "A file.", lastTransitionTime: time },
    ],
  };

  it("keeps all that its agent tells, and shows it in columns", async () => {
    expect((await admin.post(`${GROUP}/machines`, object("Machine", "columns", undefined))).reason).toBe("");
    const path = `${GROUP}/machines/columns/status?fieldValidation=Strict`;
    const answer = await admin.patch<Machine>(path, { status }, "merge");
    expect(answer.reason).toBe("");
    expect(answer.body?.status).toEqual(status);
    const { stdout } = await kubectl(["get", "km", "columns", "-o", "wide"]);
    expect(stdout.split("\n").map((line) => line.trim().split(/\s{2,}/))).toEqual([
      [
        "NAME",
        "POOL",
        "VERSION",
        "SLOT",
        "CONFIG",
        "DRIFT",
        "READY",
        "STATUS",
        "AGE",
        "MESSAGE",
        "KUBERNETES",
        "KERNEL",
      ],
      [
        "columns",
        "agents",
        "0.31.0",
        "a",
        "Conflict",
        "True",
        "True",
        "UpToDate",
        expect.any(String),
        "All is well.",
        "v1.37.2",
        "6.12.118",
      ],
      [""],
    ]);
  });

  it("is asked for a restart by a time", async () => {
    expect((await tried("Machine", { paused: true, restartedAt: time, retry: "a" })).reason).toBe("");
    expect(causes(await tried("Machine", { restartedAt: "now" }))).toEqual([
      'spec.restartedAt: "now": expected a time; such as 2026-01-31T02:00:00Z',
    ]);
  });
});
