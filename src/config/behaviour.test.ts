/** What old k3OS did with its files, rule by rule. Right behaviour is kept, wrong behaviour is corrected. */
import { describe, expect, it } from "vitest";
import { type Layer, type LayerKind, load, plan, SCRIPT } from "./index.ts";
import { told } from "./testing.ts";

type Text = string | [LayerKind, string];

interface Rule {
  readonly rule: string;
  /** The lowest first. A plain text is a config.yaml. */
  readonly layers: readonly Text[];
  readonly config: object;
  readonly problems?: readonly string[];
}

const layersOf = (texts: readonly Text[]): Layer[] =>
  texts.map((text, index) => {
    const [kind, content] = typeof text === "string" ? (["system", text] as const) : text;
    return { name: `${index}`, kind, text: content };
  });

/** One key of each kind, in each of the spellings that old k3OS knew. */
const SPELLINGS = {
  ssh_authorized_keys: ["ssh_authorized_keys", "sshAuthorizedKeys", "sshauthorizedkeys", "ssh_authorized_key"],
  write_files: ["write_files", "writeFiles", "writefiles", "write_file", "writefile"],
  run_cmd: ["run_cmd", "runCmd", "runcmd"],
  boot_cmd: ["boot_cmd", "bootCmd", "bootcmd"],
  init_cmd: ["init_cmd", "initCmd", "initcmd"],
  hostname: ["hostname", "Hostname", "HOSTNAME"],
} as const;

const K3OS_SPELLINGS = {
  data_sources: ["data_sources", "dataSources", "datasources", "data_source", "datasource", "dataSource"],
  modules: ["modules", "module", "Modules"],
  sysctls: ["sysctls", "sysctl"],
  ntp_servers: ["ntp_servers", "ntpServers", "ntpservers", "ntp_server", "ntpserver", "ntpServer"],
  dns_nameservers: ["dns_nameservers", "dnsNameservers", "dnsnameservers", "dns_nameserver", "dnsNameserver"],
  wifi: ["wifi", "Wifi", "WIFI"],
  password: ["password"],
  server_url: ["server_url", "serverUrl", "serverURL", "serverurl"],
  token: ["token"],
  labels: ["labels", "label"],
  k3s_args: ["k3s_args", "k3sArgs", "k3sargs", "k3s_arg"],
  environment: ["environment"],
  taints: ["taints", "taint"],
  install: ["install"],
} as const;

const VALUES: Readonly<Record<string, [written: string, read: unknown]>> = {
  ssh_authorized_keys: ["github:a", ["github:a"]],
  write_files: ["{ path: /a }", [{ path: "/a" }]],
  hostname: ["a", "a"],
  data_sources: ["cdrom", ["cdrom"]],
  sysctls: ["{ a.b: 1 }", { "a.b": "1" }],
  dns_nameservers: ["1.1.1.1", ["1.1.1.1"]],
  wifi: ["{ name: a, pass: 12345678 }", [{ name: "a", passphrase: "12345678" }]],
  password: ["a", "a"],
  server_url: ["https://a", "https://a"],
  token: ["a", "a"],
  labels: ["{ a: b }", { a: "b" }],
  environment: ["{ A: b }", { A: "b" }],
  taints: ["a:NoExecute", ["a:NoExecute"]],
  install: ["{ silent: true }", { silent: true }],
};
const ANY_LIST: [string, unknown] = ["a", ["a"]];

describe("every key, in every spelling, with one value for a list", () => {
  for (const [key, spellings] of Object.entries({ ...SPELLINGS, ...K3OS_SPELLINGS })) {
    const [written, read] = VALUES[key] ?? ANY_LIST;
    const inside = key in K3OS_SPELLINGS;
    for (const spelling of spellings) {
      it(`${inside ? "k3os." : ""}${spelling}`, () => {
        const line = `${spelling}: ${written}`;
        const { config, rejected } = load(layersOf([inside ? `k3os: { ${line} }` : line]), { strict: true });
        expect(rejected).toEqual([]);
        expect(config).toEqual(inside ? { k3os: { [key]: read } } : { [key]: read });
      });
    }
  }
});

const rules: readonly Rule[] = [
  { rule: "k3o: works", layers: ["k3o: { token: a }"], config: { k3os: { token: "a" } } },
  { rule: "K3OS: works", layers: ["K3OS: { token: a }"], config: { k3os: { token: "a" } } },
  {
    rule: "numbers and truth values where a text is wanted do not fail the load, and stay as they are written",
    layers: ["{ hostname: 0123, k3os: { token: 1e3, password: 0x1F, labels: { a: 1.10, b: true } } }"],
    config: { hostname: "0123", k3os: { token: "1e3", password: "0x1F", labels: { a: "1.10", b: "true" } } },
  },
  {
    rule: "permissions need no quotes",
    layers: ["write_files: [{ path: /a, permissions: 0644 }, { path: /b, permissions: 0600 }]"],
    config: {
      write_files: [
        { path: "/a", permissions: "0644" },
        { path: "/b", permissions: "0600" },
      ],
    },
  },
  {
    rule: "a squashed plural takes a single value too",
    layers: ["k3os: { datasources: cdrom, ntpservers: a, k3sargs: server }"],
    config: { k3os: { data_sources: ["cdrom"], ntp_servers: ["a"], k3s_args: ["server"] } },
  },
  {
    rule: "a squashed key in a lower layer never beats a higher one",
    layers: [
      "{ runcmd: [low], k3os: { serverurl: https://low } }",
      "{ run_cmd: [high], k3os: { server_url: https://high } }",
    ],
    config: { run_cmd: ["high"], k3os: { server_url: "https://high" } },
  },
  {
    rule: "nor does another spelling of the k3os block",
    layers: ["k3o: { token: low, password: a }", "k3os: { token: high }"],
    config: { k3os: { token: "high", password: "a" } },
  },
  {
    rule: "a bare k3os: does not wipe the block of lower layers",
    layers: ["k3os: { token: a }", "hostname: b\nk3os:\n# labels: { a: b }\n"],
    config: { hostname: "b", k3os: { token: "a" } },
  },
  {
    rule: "null takes a value back, and only that",
    layers: ["{ hostname: a, k3os: { token: b, password: c } }", "{ hostname: ~, k3os: { token: null } }"],
    config: { k3os: { password: "c" } },
  },
  {
    rule: "maps and lists are replaced as a whole",
    layers: [
      "{ run_cmd: [a, b], k3os: { labels: { a: 1 }, sysctls: { a.b: 1 }, environment: { A: 1 } } }",
      "{ run_cmd: [c], k3os: { labels: { b: 2 }, sysctls: { c.d: 2 }, environment: { B: 2 } } }",
    ],
    config: { run_cmd: ["c"], k3os: { labels: { b: "2" }, sysctls: { "c.d": "2" }, environment: { B: "2" } } },
  },
  {
    rule: "the kernel's command line lies between the system's config and the node's own",
    layers: ["hostname: system", ["cmdline", "hostname=cmdline k3os.token=t"], ["local", "hostname: local"]],
    config: { hostname: "local", k3os: { token: "t" } },
  },
  {
    rule: "surroundings, user data and drop-ins lie above the node's own config, in this order",
    layers: [
      ["local", "hostname: local"],
      ["hostname", "handed-over\n"],
      ["userdata", "#cloud-config\nhostname: userdata\n"],
      ["drop-in", "k3os: { token: first }"],
      ["drop-in", "k3os: { token: second }"],
    ],
    config: { hostname: "userdata", k3os: { token: "second" } },
  },
  {
    rule: "on the command line a bare key is true",
    layers: [["cmdline", "k3os.install.silent k3os.install.device=/dev/sda"]],
    config: { k3os: { install: { silent: true, device: "/dev/sda" } } },
  },
  {
    rule: "and key[sub]=v works as documented",
    layers: [["cmdline", "k3os.labels[a.b/c]=1 k3os.sysctl[kernel.printk]='4 4 1 7'"]],
    config: { k3os: { labels: { "a.b/c": "1" }, sysctls: { "kernel.printk": "4 4 1 7" } } },
  },
  {
    rule: "and dots below a map belong to the name of the entry",
    layers: [["cmdline", "k3os.sysctl.kernel.printk=4 k3os.labels.foo=bar"]],
    config: { k3os: { sysctls: { "kernel.printk": "4" }, labels: { foo: "bar" } } },
  },
  {
    rule: "and repeating a scalar key does not fail the load: the last one counts",
    layers: [["cmdline", "hostname=a hostname=b k3os.token=c k3os.token=d"]],
    config: { hostname: "b", k3os: { token: "d" } },
  },
  {
    rule: "and repeating a list adds to it",
    layers: [["cmdline", "run_cmd=a \"run_cmd=b c\" run_cmd='d e'"]],
    config: { run_cmd: ["a", "b c", "d e"] },
  },
  {
    rule: "and k3os.hostname is the host name, as are other keys of the top",
    layers: [["cmdline", "k3os.hostname=a k3os.runcmd=b k3os[ssh_authorized_keys]=github:c"]],
    config: { hostname: "a", run_cmd: ["b"], ssh_authorized_keys: ["github:c"] },
  },
  {
    rule: "and k3os.install.efi means force_efi",
    layers: [["cmdline", "k3os.install.efi=true"]],
    config: { k3os: { install: { force_efi: true } } },
  },
  {
    rule: "names in maps are never respelled",
    layers: ["k3os: { environment: { HTTP_PROXY: a, httpProxy: b }, labels: { fooBar: c, foo_bar: d } }"],
    config: { k3os: { environment: { HTTP_PROXY: "a", httpProxy: "b" }, labels: { fooBar: "c", foo_bar: "d" } } },
  },
  {
    rule: "every documented encoding of a file is known",
    layers: [
      "write_files: [{ path: /a, encoding: b64 }, { path: /b, encoding: gzip+base64 }, { path: /c, encoding: '' }]",
    ],
    config: {
      write_files: [
        { path: "/a", encoding: "b64" },
        { path: "/b", encoding: "gzip+base64" },
        { path: "/c", encoding: "" },
      ],
    },
  },
  {
    rule: "a key that nobody knows is told, and costs the layer nothing else",
    layers: ["{ hostnam: a, k3os: { tokn: b, token: c } }"],
    config: { k3os: { token: "c" } },
    problems: ["warning hostnam: unknown key", "warning k3os.tokn: unknown key of `k3os`"],
  },
  {
    rule: "a bad layer is rejected as a whole, and the others count",
    layers: ["hostname: a", "{ hostname: b, write_files: [{ path: /a, permissions: rw }] }", "k3os: { token: c }"],
    config: { hostname: "a", k3os: { token: "c" } },
    problems: ['error write_files[0].permissions: expected permissions in octal, got "rw"'],
  },
  {
    rule: "user data that begins with #! becomes a program that run_cmd runs",
    layers: ["run_cmd: [a]", ["userdata", "#!/bin/sh\necho\n"]],
    config: {
      run_cmd: ["a", SCRIPT],
      write_files: [{ path: SCRIPT, content: "#!/bin/sh\necho\n", permissions: "0700" }],
    },
  },
  {
    rule: "and so does what contains a NUL",
    layers: [["userdata", "\u007fELF\0"]],
    config: { run_cmd: [SCRIPT], write_files: [{ path: SCRIPT, content: "\u007fELF\0", permissions: "0700" }] },
  },
];

it.each(rules)("$rule", ({ layers, config, problems = [] }) => {
  const loaded = load(layersOf(layers));
  expect(told(loaded)).toEqual(problems);
  expect(loaded.config).toEqual(config);
});

it("user data that is a program keeps its bytes, though they are no text", () => {
  const bytes = new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0, 0xff, 0x80]);
  const { config } = load([{ name: "u", kind: "userdata", text: new TextDecoder().decode(bytes), bytes }]);
  expect(plan(config, { mode: "live", version: "1" })).toContainEqual({
    ...{ phase: "boot", kind: "file", path: SCRIPT, mode: 0o700 },
    content: bytes,
  });
});

describe("k3s", () => {
  const k3s = (text: string) => {
    const steps = plan(load(layersOf([text])).config, { mode: "live", version: "1" });
    const step = steps.find(({ kind }) => kind === "k3s");
    if (step?.kind !== "k3s") throw new Error("there is no step for k3s");
    const own = step.args.filter((arg) => !arg.startsWith("--node-label=k3os.io/"));
    return { role: step.role, args: own, environment: step.environment };
  };
  const url = "https://a:6443";
  const table: [rule: string, text: string, want: object][] = [
    ["is a server when nothing is said", "", { role: "server", args: [], environment: {} }],
    ["is an agent with server_url", `server_url: ${url}`, { role: "agent", args: [], environment: { K3S_URL: url } }],
    [
      "is what k3s_args says, even then",
      `{ server_url: ${url}, k3s_args: [server, --disable=traefik] }`,
      { role: "server", args: ["--disable=traefik"], environment: { K3S_URL: url } },
    ],
    [
      "gets every token by K3S_TOKEN",
      "token: K10a::b",
      { role: "server", args: [], environment: { K3S_TOKEN: "K10a::b" } },
    ],
    ["even one of the old kind", "token: short", { role: "server", args: [], environment: { K3S_TOKEN: "short" } }],
    [
      "gets flags that it has no more by their present name",
      "k3s_args: [server, --no-deploy, traefik, --no-deploy=servicelb, --cluster-secret=x]",
      { role: "server", args: ["--disable", "traefik", "--disable=servicelb", "--token=x"], environment: {} },
    ],
    [
      "gets labels sorted, then taints",
      "{ labels: { b: 1, a: 2 }, taints: [x=y:NoSchedule] }",
      {
        role: "server",
        args: ["--node-label=a=2", "--node-label=b=1", "--node-taint=x=y:NoSchedule"],
        environment: {},
      },
    ],
    [
      "gets the environment",
      "environment: { http_proxy: x }",
      { role: "server", args: [], environment: { http_proxy: "x" } },
    ],
  ];
  it.each(table)("%s", (_, text, want) =>
    expect(k3s(`k3os: ${text.startsWith("{") ? text : `{ ${text} }`}`)).toEqual(want),
  );
});
