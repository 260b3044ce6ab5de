import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8 } from "./bytes.ts";
import {
  describe as describeStep,
  type Facts,
  type Observed,
  type ObservedAccount,
  pending,
  plan,
  quote,
  redact,
  render,
  type Step,
  toYaml,
} from "./index.ts";
import { shellWords } from "./plan.ts";
import { environmentText } from "./render.ts";
import { loadText } from "./testing.ts";

const FACTS: Facts = { mode: "live", version: "v0.30.0" };
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE me";
const SYSTEM = ["--node-label=k3os.io/mode=live", "--node-label=k3os.io/version=v0.30.0"];

const steps = (text: string) => plan(loadText(text).config, FACTS);
/** The steps without the one for k3s, which is always there. */
const others = (text: string) => steps(text).filter(({ kind }) => kind !== "k3s");
const k3s = (text: string) => steps(text).find((step) => step.kind === "k3s");

const WHOLE = `
hostname: node-1
ssh_authorized_keys: ["${KEY}", github:octocat]
write_files:
- { path: /etc/motd, content: Welcome }
- { path: /opt/tool, content: H4sIAA==, encoding: gz+b64, permissions: 0755, owner: rancher }
init_cmd: [first]
boot_cmd: [second, third]
run_cmd: fourth
k3os:
  modules: [nbd nbds_max=16]
  sysctls: { kernel.printk: "4 4 1 7" }
  ntp_servers: [pool.ntp.org]
  dns_nameservers: [1.1.1.1, "::1"]
  password: rancher
  token: s3cret
  server_url: https://10.0.0.1:6443
  labels: { zone: b, app: a }
  taints: [dedicated=db:NoSchedule]
  k3s_args: [--node-ip=10.0.0.2]
  environment: { HTTPS_PROXY: http://proxy }
  timezone: Europe/Berlin
  mounts: [{ device: /dev/vdb, path: /mnt/data, format: true, options: noatime }]
  users: [{ name: ada, groups: [sudo, adm], sudo: true, ssh_authorized_keys: ["${KEY}", github:ada] }]
  registries: { mirrors: { docker.io: { endpoint: [https://mirror] } } }
`;

describe("a plan", () => {
  it("has the steps of every key, in the order in which they are applied", () => {
    expect(steps(WHOLE)).toEqual([
      { phase: "init", kind: "command", list: "init_cmd", index: 0, command: "first" },
      { phase: "boot", kind: "module", name: "nbd", parameters: ["nbds_max=16"] },
      {
        ...{ phase: "boot", kind: "mount", device: "/dev/vdb", path: "/mnt/data" },
        ...{ format: true, options: "noatime" },
      },
      { phase: "boot", kind: "sysctl", key: "kernel.printk", value: "4 4 1 7" },
      { phase: "boot", kind: "hostname", name: "node-1" },
      { phase: "boot", kind: "timezone", zone: "Europe/Berlin" },
      { phase: "boot", kind: "dns", nameservers: ["1.1.1.1", "::1"], search: [], complete: false },
      { phase: "boot", kind: "ntp", servers: ["pool.ntp.org"] },
      { phase: "boot", kind: "password", user: "rancher", password: "rancher", hashed: false },
      { phase: "boot", kind: "authorized-keys", user: "rancher", keys: [KEY] },
      {
        phase: "runtime",
        kind: "remote-keys",
        user: "rancher",
        source: "github:octocat",
        url: "https://github.com/octocat.keys",
      },
      { phase: "boot", kind: "account", user: "ada", shell: "/bin/bash", groups: ["adm", "sudo"], sudo: true },
      { phase: "boot", kind: "password", user: "ada", password: "*", hashed: true },
      { phase: "boot", kind: "authorized-keys", user: "ada", keys: [KEY] },
      {
        ...{ phase: "runtime", kind: "remote-keys", user: "ada", source: "github:ada" },
        url: "https://github.com/ada.keys",
      },
      {
        phase: "boot",
        kind: "k3s",
        role: "agent",
        args: [
          "--node-ip=10.0.0.2",
          "--node-label=app=a",
          ...SYSTEM,
          "--node-label=zone=b",
          "--node-taint=dedicated=db:NoSchedule",
        ],
        environment: { HTTPS_PROXY: "http://proxy", K3S_TOKEN: "s3cret", K3S_URL: "https://10.0.0.1:6443" },
      },
      {
        ...{ phase: "boot", kind: "registries" },
        content: "mirrors:\n  docker.io:\n    endpoint:\n      - https://mirror\n",
      },
      { phase: "boot", kind: "file", path: "/etc/motd", content: "Welcome", mode: 0o644 },
      {
        phase: "boot",
        kind: "file",
        path: "/opt/tool",
        content: new Uint8Array([0x1f, 0x8b, 8, 0]),
        mode: 0o755,
        encoding: "gzip",
        owner: "rancher",
      },
      { phase: "boot", kind: "environment", variables: { HTTPS_PROXY: "http://proxy" } },
      { phase: "boot", kind: "command", list: "boot_cmd", index: 0, command: "second" },
      { phase: "boot", kind: "command", list: "boot_cmd", index: 1, command: "third" },
      { phase: "runtime", kind: "command", list: "run_cmd", index: 0, command: "fourth" },
    ]);
  });

  it("puts manifests where a server finds them, and nowhere on an agent", () => {
    const manifests = "[{ name: a, content: x }, { name: b.yml, url: https://host/b }]";
    expect(others(`k3os: { manifests: ${manifests} }`)).toEqual([
      { phase: "boot", kind: "manifest", name: "a.yaml", content: "x" },
      { phase: "runtime", kind: "remote-manifest", name: "b.yml", url: "https://host/b" },
    ]);
    expect(others(`k3os: { server_url: https://a, manifests: ${manifests} }`)).toEqual([]);
  });

  it("of an empty config is a server", () => {
    expect(steps("")).toEqual([{ phase: "boot", kind: "k3s", role: "server", args: SYSTEM, environment: {} }]);
  });

  const roles: [what: string, config: string, role: string, args: string[]][] = [
    ["server_url makes an agent", "server_url: https://a", "agent", []],
    ["k3s_args have the last word", "{ server_url: https://a, k3s_args: [server, -v] }", "server", ["-v"]],
    ["an agent by argument", "k3s_args: [agent]", "agent", []],
    ["flags only", "k3s_args: [--disable=a]", "server", ["--disable=a"]],
    ["one text", "k3s_args: server --disable traefik", "server", ["--disable", "traefik"]],
    ["flag and value in one entry", "k3s_args: [server, --disable traefik]", "server", ["--disable", "traefik"]],
    ["a value with spaces", "k3s_args: ['--kubelet-arg=a b']", "server", ["--kubelet-arg=a b"]],
    [
      "removed flags",
      "k3s_args: [--no-deploy, a, --no-deploy=b, --cluster-secret=c]",
      "server",
      ["--disable", "a", "--disable=b", "--token=c"],
    ],
  ];
  it.each(roles)("%s", (_, config, role, args) => {
    expect(k3s(`k3os: ${config.startsWith("{") ? config : `{ ${config} }`}`)).toMatchObject({
      role,
      args: [...args, ...SYSTEM],
    });
  });

  it("gives a token by environment, whatever it looks like", () => {
    for (const token of ["K10abc::server:x", "plain"]) {
      expect(k3s(`k3os: { token: "${token}" }`)).toMatchObject({ environment: { K3S_TOKEN: token } });
    }
  });

  it("gives the node the name that Kubernetes knows it by, unless the config has one", () => {
    const named = (config: string) =>
      plan(loadText(config).config, { ...FACTS, nodeName: "first" }).flatMap((step) =>
        step.kind === "k3s" ? step.args : [],
      );
    expect(named("hostname: second")).toContain("--node-name=first");
    for (const own of ["--node-name=a", "[--node-name, a]"])
      expect(named(`k3os: { k3s_args: ${own} }`)).not.toContain("--node-name=first");
  });

  it("does not let a config pretend another mode or version", () => {
    expect(k3s("k3os: { labels: { k3os.io/mode: x } }")).toMatchObject({ args: SYSTEM });
  });

  it("tells plain passwords from hashes", () => {
    expect(others("k3os: { password: $6$a$b }")).toMatchObject([{ password: "$6$a$b", hashed: true }]);
  });

  it("splits keys that come in one text, and knows them only once", () => {
    expect(
      others(`ssh_authorized_keys:\n- |\n  ${KEY}\n  # not this\n  gitlab:a\n- ${KEY}\n- https://a/b.keys`),
    ).toMatchObject([
      { kind: "authorized-keys", keys: [KEY] },
      { kind: "remote-keys", url: "https://gitlab.com/a.keys" },
      { kind: "remote-keys", url: "https://a/b.keys" },
    ]);
  });

  it("writes the last of several files with one path", () => {
    const files = "write_files: [{ path: /a, content: 1 }, { path: /b }, { path: /a, content: 2 }]";
    expect(others(files)).toMatchObject([
      { path: "/b", content: "" },
      { path: "/a", content: "2" },
    ]);
  });

  it("decodes base64, keeps gzip for the node, and reads all notations of permissions", () => {
    const one = (rest: string) => others(`write_files: [{ path: /a, ${rest} }]`)[0];
    expect(one("content: aGk=, encoding: b64")).toMatchObject({ content: utf8("hi") });
    expect(one("content: aGk=")).toMatchObject({ content: "aGk=" });
    expect(one('content: "\\x1f\\x8b", encoding: gzip')).toMatchObject({
      content: new Uint8Array([0x1f, 0x8b]),
      encoding: "gzip",
    });
    expect(["644", "0644", "0o644"].map((mode) => one(`permissions: ${mode}`))).toMatchObject(
      Array(3).fill({ mode: 0o644 }),
    );
  });

  it("is described without secrets", () => {
    const lines = steps(`${WHOLE.replace("[--node-ip=10.0.0.2]", "[--token, hunter2, --agent-token=hunter2]")}`).map(
      describeStep,
    );
    expect(lines.join("\n")).toMatchInlineSnapshot(`
      "run init_cmd[0]
      load module nbd nbds_max=16
      mount /dev/vdb on /mnt/data, made if it is empty
      set sysctl kernel.printk = 4 4 1 7
      set host name node-1
      use time zone Europe/Berlin
      use name servers 1.1.1.1 ::1
      use time servers pool.ntp.org
      set password of rancher
      let 1 key log in as rancher
      let the keys of github:octocat log in as rancher
      make the account ada, which may become root
      let nobody log in as ada by password
      let 1 key log in as ada
      let the keys of github:ada log in as ada
      configure k3s agent --token (hidden) --agent-token=(hidden) --node-label=app=a --node-label=k3os.io/mode=live --node-label=k3os.io/version=v0.30.0 --node-label=zone=b --node-taint=dedicated=db:NoSchedule
      configure the registries that images come from
      write /etc/motd (0644)
      write /opt/tool (0755)
      set HTTPS_PROXY in /etc/environment
      run boot_cmd[0]
      run boot_cmd[1]
      run run_cmd[0]"
    `);
  });
});

/** A node as an object, on which steps can be applied. */
class TestNode implements Observed {
  readonly files = new Map<string, { content: Uint8Array; mode: number; owner: string }>();
  private readonly modules = new Set<string>();
  private readonly sysctls = new Map<string, string>();
  private readonly keys: string[] = [];
  private readonly applied = new Set<string>();
  private readonly originals = new Map<string, string | undefined>();
  private readonly accounts = new Map<string, ObservedAccount>();
  private readonly passwords = new Map<string, string>();
  private readonly mounts = new Set<string>();
  private readonly manifests = new Set<string>();
  private zone?: string;
  private name = "localhost";

  file(path: string) {
    const file = this.files.get(path);
    return file && { ...file, ownedBy: (owner: string) => file.owner === owner };
  }
  moduleLoaded = (name: string) => this.modules.has(name);
  sysctl = (key: string) => this.sysctls.get(key);
  hostname = () => this.name;
  passwordHash = (user: string) => this.passwords.get(user);
  original = (path: string) => (this.originals.has(path) ? this.originals.get(path) : this.text(path));
  timezone = () => this.zone;
  mounted = (path: string) => this.mounts.has(path);
  account = (user: string) => this.accounts.get(user);
  madeAccounts = () => [...this.accounts.keys()];
  written = () => [...this.originals.keys()];
  seeded = ({ name }: { name: string }) => this.manifests.has(name);
  authorizedKeys = () => this.keys;
  done = (step: Step) => this.applied.has(JSON.stringify(step));

  apply(step: Step): void {
    this.applied.add(JSON.stringify(step));
    if (step.kind === "module") this.modules.add(step.name);
    if (step.kind === "sysctl") this.sysctls.set(step.key, `${step.value.replaceAll(" ", "\t")}\n`);
    if (step.kind === "hostname") this.name = step.name;
    if (step.kind === "authorized-keys") this.keys.push(...step.keys);
    if (step.kind === "password" && step.hashed) this.passwords.set(step.user, step.password);
    if (step.kind === "timezone") this.zone = step.zone;
    if (step.kind === "mount") this.mounts.add(step.path);
    if (step.kind === "account") this.accounts.set(step.user, step);
    if (step.kind === "no-account") this.accounts.delete(step.user);
    if (step.kind === "manifest" || step.kind === "remote-manifest") this.manifests.add(step.name);
    if (step.kind === "restore") this.restore(step.path);
    for (const { path, content, mode, owner = "root" } of render(step, this.original) ?? []) {
      if (step.kind === "file") this.originals.delete(path);
      else if (step.kind !== "k3s" && !this.originals.has(path)) this.originals.set(path, this.text(path));
      this.files.set(path, { content: typeof content === "string" ? utf8(content) : content, mode, owner });
    }
  }

  private text(path: string): string | undefined {
    const file = this.files.get(path);
    return file && new TextDecoder().decode(file.content);
  }

  private restore(path: string): void {
    const text = this.originals.get(path);
    if (text === undefined) this.files.delete(path);
    else this.files.set(path, { content: utf8(text), mode: 0o644, owner: "root" });
    this.originals.delete(path);
  }
}

describe("what is pending", () => {
  it("is everything on a fresh node, and nothing once it is applied", () => {
    const node = new TestNode();
    const all = steps(WHOLE);
    expect(pending(all, node)).toEqual(all);
    for (const step of all) node.apply(step);
    expect(pending(all, node)).toEqual([]);
  });

  it.each([
    ["a mode", "write_files: [{ path: /a }]", "write_files: [{ path: /a, permissions: 0600 }]", ["file"]],
    ["an owner", "write_files: [{ path: /a }]", "write_files: [{ path: /a, owner: rancher }]", ["file"]],
    ["a content", "write_files: [{ path: /a }]", "write_files: [{ path: /a, content: b }]", ["file"]],
    ["a label", "k3os: { labels: { a: b } }", "k3os: { labels: { a: c } }", ["k3s"]],
    ["a variable", "k3os: { environment: { a: b } }", "k3os: { environment: { a: c } }", ["k3s", "environment"]],
    ["a command", "run_cmd: [a, b]", "run_cmd: [a, c]", ["command"]],
    ["a zone", "k3os: { timezone: UTC }", "k3os: { timezone: Asia/Tokyo }", ["timezone"]],
    ["a user's shell", "k3os: { users: { name: a } }", "k3os: { users: { name: a, shell: /bin/sh } }", ["account"]],
    ["a user", "k3os: { users: { name: a } }", "k3os: { users: { name: b } }", ["no-account", "account", "password"]],
    ["no zone any more", "k3os: { timezone: UTC }", "", []],
    ["no registry any more", "k3os: { registries: { mirrors: { a: } } }", "", ["restore"]],
    ["no variable any more", "k3os: { environment: { A: b } }", "", ["restore", "k3s"]],
    [
      "a variable less",
      "k3os: { environment: { A: b, C: d } }",
      "k3os: { environment: { C: d } }",
      ["k3s", "environment"],
    ],
    ["no file any more", "write_files: [{ path: /a }]", "", []],
    ["nothing", "hostname: a", "hostname: a # note", []],
  ])("is only what has changed: %s", (_, before, after, kinds) => {
    const node = new TestNode();
    for (const step of steps(before)) node.apply(step);
    expect(pending(steps(after), node).map(({ kind }) => kind)).toEqual(kinds);
  });

  it.each([
    ["write_files: [{ path: /etc/environment, content: A=1 }]\nk3os: { environment: { B: 2 } }", "A=1\nB=2\n"],
    [
      "write_files: [{ path: /etc/environment, content: QT0x, encoding: b64 }]\nk3os: { environment: { B: 2 } }",
      "A=1\nB=2\n",
    ],
    ["write_files: [{ path: /etc/environment, content: A=1 }]\nk3os: { environment: { A: 2 } }", "A=2"],
  ])("settles though a file of the user's is also written by a key: %j", (text, content) => {
    const node = new TestNode();
    for (const step of steps(text)) node.apply(step);
    expect(new TextDecoder().decode(node.file("/etc/environment")?.content)).toBe(content);
    expect(pending(steps(text), node)).toEqual([]);
  });

  it("writes a file of the user's anew when the step below it writes", () => {
    const text = (label: string) =>
      `write_files: [{ path: /etc/conf.d/k3s, content: mine }]\nk3os: { labels: { a: b }, token: ${label} }`;
    const node = new TestNode();
    for (const step of steps(text("a"))) node.apply(step);
    const due = pending(steps(text("b")), node);
    expect(due.map(({ kind }) => kind)).toEqual(["k3s", "file"]);
    for (const step of due) node.apply(step);
    expect(new TextDecoder().decode(node.file("/etc/conf.d/k3s")?.content)).toBe("mine");
  });

  it("takes back what a key did that is gone, and nothing that others did", () => {
    const node = new TestNode();
    node.files.set("/etc/environment", { content: utf8("SHIPPED=1\n"), mode: 0o644, owner: "root" });
    for (const step of steps("k3os: { environment: { A: b }, registries: { mirrors: { a: } } }")) node.apply(step);
    for (const step of pending(steps(""), node)) node.apply(step);
    expect(new TextDecoder().decode(node.file("/etc/environment")?.content)).toBe("SHIPPED=1\n");
    expect(node.file("/etc/rancher/k3s/registries.yaml")).toBeUndefined();
    expect(pending(steps(""), node)).toEqual([]);
  });

  it("lets a file of the user's replace one that a key writes", () => {
    const text = "write_files: [{ path: /etc/resolv.conf.head, content: mine }]\nk3os: { dns_nameservers: [1.1.1.1] }";
    const node = new TestNode();
    for (const step of steps(text)) node.apply(step);
    expect(pending(steps(text), node)).toEqual([]);
  });
});

describe("rendered files", () => {
  const rendered = (text: string, kind: Step["kind"], existing?: string) => {
    const step = steps(text).find((one) => one.kind === kind) as Step;
    return render(step, () => existing)?.map(({ path, content, mode }) => [path, content, mode.toString(8)]);
  };

  it("for names, time and k3s", () => {
    expect(rendered("k3os: { dns_nameservers: [1.1.1.1] }", "dns")).toEqual([
      ["/etc/resolv.conf.head", "nameserver 1.1.1.1\n", "644"],
    ]);
    expect(rendered("k3os: { ntp_servers: [a, b] }", "ntp")).toEqual([
      ["/etc/chrony/sources.d/k3os.sources", "server a iburst\nserver b iburst\n", "644"],
    ]);
    expect(rendered("k3os: { token: it's, k3s_args: [server, '--kubelet-arg=a b'] }", "k3s")).toEqual([
      ["/etc/conf.d/k3s", `K3S_ARGS='server '\\''--kubelet-arg=a b'\\'' ${SYSTEM.join(" ")}'\n`, "644"],
      ["/etc/rancher/k3s/k3s-service.env", "K3S_TOKEN='it'\\''s'\n", "600"],
    ]);
  });

  it("for registries, which only root may read", () => {
    const text = `k3os: { registries: {
      mirrors: { docker.io: { endpoints: https://mirror, rewrite: { "^a/(.*)": "b/$1" } }, "*": },
      configs: { "mirror:5000": { auth: { username: u, password: 12 }, tls: { insecureSkipVerify: true, ca_file: /ca.pem } } } } }`;
    expect(rendered(text, "registries")).toEqual([
      [
        "/etc/rancher/k3s/registries.yaml",
        `mirrors:
  docker.io:
    endpoint:
      - https://mirror
    rewrite:
      ^a/(.*): b/$1
  "*": {}
configs:
  mirror:5000:
    auth:
      username: u
      password: "12"
    tls:
      ca_file: /ca.pem
      insecure_skip_verify: true
`,
        "600",
      ],
    ]);
  });

  it("for the environment, merged into what is there", () => {
    const before = "# shipped\nK3S_KUBECONFIG_MODE=0644\nexport A=old\nB=1\nA=again\n";
    const variables = { A: "new one", C: "it's $5", D: "x" };
    const after = `# shipped\nK3S_KUBECONFIG_MODE=0644\nA='new one'\nB=1\nC="it's \\$5"\nD=x\n`;
    expect(environmentText(variables, before)).toBe(after);
    expect(environmentText(variables, after)).toBe(after);
    expect(environmentText({ A: "" }, "")).toBe("A=''\n");
    expect(environmentText({}, "A=1")).toBe("A=1");
  });
});

describe("quoting", () => {
  const texts = fc.array(fc.string({ unit: fc.constantFrom(..."a'\"\\$`~*! \n\t;&|<>(){}#=é") }), {
    minLength: 1,
    maxLength: 200,
  });

  it("is understood by a shell, once, and twice with eval", () => {
    const [words = []] = fc.sample(texts, 1);
    const script = `set -- ${words.map(quote).join(" ")}\nprintf '%s\\0' "$@"\nX=${quote(words.map(quote).join(" "))}\neval "set -- $X"\nprintf '%s\\0' "$@"`;
    const heard = execFileSync("/bin/sh", ["-c", script], { encoding: "utf8" }).split("\0").slice(0, -1);
    expect(heard).toEqual([...words, ...words]);
  });

  it("is undone by splitting", () => {
    expect(shellWords(`a  "b c" 'd e'f "g\\"h" 'i"j' k='l m' "`)).toEqual([
      "a",
      "b c",
      "d ef",
      'g"h',
      'i"j',
      "k=l m",
      '"',
    ]);
  });
});

it("redacts what is secret, and only that", () => {
  const { config } = loadText(`
hostname: a
k3os:
  token: hunter2
  password: hunter2
  k3s_args: [server, --token=hunter2, --agent-token, hunter2, "--token hunter2", --datastore-endpoint=hunter2, --disable=x]
  environment: { AWS_SECRET_ACCESS_KEY: hunter2, HTTPS_PROXY: "http://me:hunter2@proxy:1", A: b }
  wifi: [{ name: home, pass: hunter2222 }]
  users: [{ name: ada, password: hunter2 }]
  proxy: { http: "http://me:hunter2@proxy:1" }
  registries: { configs: { a: { auth: { username: me, password: hunter2, identity_token: hunter2 } } } }
  manifests: [{ name: app, url: "https://me:hunter2@host/app.yaml" }]
  install: { config_url: "https://me:hunter2@host/config" }
`);
  expect(toYaml(redact(config))).toBe(`hostname: a
k3os:
  wifi:
    - name: home
      passphrase: (hidden)
  password: (hidden)
  token: (hidden)
  k3s_args:
    - server
    - --token=(hidden)
    - --agent-token
    - (hidden)
    - --token (hidden)
    - --datastore-endpoint=(hidden)
    - --disable=x
  environment:
    AWS_SECRET_ACCESS_KEY: (hidden)
    HTTPS_PROXY: http://(hidden)@proxy:1
    A: b
  users:
    - name: ada
      password: (hidden)
  proxy:
    http: http://(hidden)@proxy:1
  registries:
    configs:
      a:
        auth:
          username: me
          password: (hidden)
          identity_token: (hidden)
  manifests:
    - name: app
      url: https://(hidden)@host/app.yaml
  install:
    config_url: https://(hidden)@host/config
`);
});
