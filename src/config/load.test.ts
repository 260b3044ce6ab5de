import { describe, expect, it } from "vitest";
import { type Layer, type LayerKind, load, SCRIPT } from "./index.ts";
import { loadAll, loadText, told } from "./testing.ts";

describe("spellings", () => {
  const table: [text: string, config: object, problems?: string[]][] = [
    ["ssh_authorized_keys: [github:a]", { ssh_authorized_keys: ["github:a"] }],
    ["sshAuthorizedKeys: [github:a]", { ssh_authorized_keys: ["github:a"] }],
    ["sshauthorizedkeys: [github:a]", { ssh_authorized_keys: ["github:a"] }],
    ["ssh-authorized-keys: [github:a]", { ssh_authorized_keys: ["github:a"] }],
    ["ssh_authorized_key: github:a", { ssh_authorized_keys: ["github:a"] }],
    ["sshauthorizedkey: github:a", { ssh_authorized_keys: ["github:a"] }],
    ["runcmd: [a]", { run_cmd: ["a"] }],
    ["bootCmd: [a]", { boot_cmd: ["a"] }],
    ["initcmd: [a]", { init_cmd: ["a"] }],
    ["writeFile: { path: /a }", { write_files: [{ path: "/a" }] }],
    ["k3os: { serverurl: https://a:6443 }", { k3os: { server_url: "https://a:6443" } }],
    ["k3os: { serverUrl: https://a:6443 }", { k3os: { server_url: "https://a:6443" } }],
    ["k3os: { dnsNameserver: 1.1.1.1 }", { k3os: { dns_nameservers: ["1.1.1.1"] } }],
    ["k3os: { dns_nameserver: 1.1.1.1 }", { k3os: { dns_nameservers: ["1.1.1.1"] } }],
    ["k3os: { ntpserver: a }", { k3os: { ntp_servers: ["a"] } }],
    ["k3os: { k3sArgs: [server] }", { k3os: { k3s_args: ["server"] } }],
    ["k3os: { module: a }", { k3os: { modules: ["a"] } }],
    ["k3os: { sysctl: { a.b: 1 } }", { k3os: { sysctls: { "a.b": "1" } } }],
    ["k3os: { label: { a: b } }", { k3os: { labels: { a: "b" } } }],
    ["k3os: { taint: a:NoSchedule }", { k3os: { taints: ["a:NoSchedule"] } }],
    ["k3os: { data_source: cdrom }", { k3os: { data_sources: ["cdrom"] } }],
    ["k3os: { wifi: { name: a, pass: 12345678 } }", { k3os: { wifi: [{ name: "a", passphrase: "12345678" }] } }],
    ["k3os: { install: { efi: true, powerOff: true } }", { k3os: { install: { force_efi: true, power_off: true } } }],
    [
      "k3os: { install: { forceefi: true, no-format: true } }",
      { k3os: { install: { force_efi: true, no_format: true } } },
    ],
    ["k3o: { token: a }", { k3os: { token: "a" } }],
    ["K3OS: { token: a }", { k3os: { token: "a" } }],
    [
      "k3os: { environment: { HTTP_PROXY: a, http_proxy: b, fooBar: c } }",
      { k3os: { environment: { HTTP_PROXY: "a", http_proxy: "b", fooBar: "c" } } },
    ],
  ];
  it.each(table)("%s", (text, config, problems = []) => {
    const loaded = loadText(text, "system", { strict: true });
    expect(told(loaded)).toEqual(problems);
    expect(loaded.config).toEqual(config);
  });

  it("takes the last of two spellings, and says so", () => {
    const loaded = loadText("hostname: a\nHostname: b\n");
    expect(loaded.config).toEqual({ hostname: "b" });
    expect(told(loaded)).toEqual(["warning hostname: expected each key once, got it again: the last one counts"]);
  });

  it("lets a higher layer win, whatever its spelling", () => {
    expect(loadAll("runcmd: [low]", "run_cmd: [high]").config).toEqual({ run_cmd: ["high"] });
  });
});

describe("coercions", () => {
  const table: [text: string, config: object][] = [
    ["run_cmd: a", { run_cmd: ["a"] }],
    ["k3os: { datasources: cdrom }", { k3os: { data_sources: ["cdrom"] } }],
    ["k3os: { token: 12345 }", { k3os: { token: "12345" } }],
    ["k3os: { token: 0123 }", { k3os: { token: "0123" } }],
    ["k3os: { token: 1e3 }", { k3os: { token: "1e3" } }],
    ["k3os: { password: 0x10 }", { k3os: { password: "0x10" } }],
    ["k3os: { token: true }", { k3os: { token: "true" } }],
    ["hostname: 42", { hostname: "42" }],
    [
      "k3os: { install: { silent: true, debug: 'true', no_format: yes } }",
      { k3os: { install: { silent: true, debug: true, no_format: true } } },
    ],
    [
      "k3os: { install: { silent: False, debug: 'off', no_format: 0 } }",
      { k3os: { install: { silent: false, debug: false, no_format: false } } },
    ],
    ["k3os: { install: { tty: ttyS0, device: 1 } }", { k3os: { install: { tty: "ttyS0", device: "1" } } }],
    ["write_files: [{ path: /a, permissions: 0644 }]", { write_files: [{ path: "/a", permissions: "0644" }] }],
    ["write_files: [{ path: /a, permissions: 0o600 }]", { write_files: [{ path: "/a", permissions: "0o600" }] }],
    [
      "k3os: { labels: { a: 1, b: true, c: 1.10, d: 'x', e: } }",
      { k3os: { labels: { a: "1", b: "true", c: "1.10", d: "x", e: "" } } },
    ],
    ["k3os: { sysctls: { vm.swappiness: 10 } }", { k3os: { sysctls: { "vm.swappiness": "10" } } }],
    ["k3os: { environment: { A: 1.0, B: yes } }", { k3os: { environment: { A: "1.0", B: "yes" } } }],
    ["write_files: [{ path: /a, content: !!binary aGk= }]", { write_files: [{ path: "/a", content: "hi" }] }],
  ];
  it.each(table)("%s", (text, config) => {
    const loaded = loadText(text, "system", { strict: true });
    expect(told(loaded)).toEqual([]);
    expect(loaded.config).toEqual(config);
  });
});

describe("YAML", () => {
  const table: [what: string, text: string, config: object][] = [
    ["nothing", "", {}],
    ["a comment", "# nothing\n", {}],
    ["null", "~\n", {}],
    ["a document start", "---\nhostname: a\n", { hostname: "a" }],
    ["a byte order mark", "\ufeffhostname: a\n", { hostname: "a" }],
    ["Windows line ends", "hostname: a\r\nrun_cmd:\r\n- b\r\n", { hostname: "a", run_cmd: ["b"] }],
    ["JSON", '{"hostname": "a", "k3os": {"labels": {"b": 1}}}', { hostname: "a", k3os: { labels: { b: "1" } } }],
    ["aliases", "boot_cmd: &x [a]\nrun_cmd: *x\n", { boot_cmd: ["a"], run_cmd: ["a"] }],
    [
      "merge keys",
      "write_files:\n- &f { path: /a, owner: root }\n- { <<: *f, path: /b }\n",
      {
        write_files: [
          { path: "/a", owner: "root" },
          { path: "/b", owner: "root" },
        ],
      },
    ],
    ["a block scalar", "run_cmd:\n- |\n  a\n  b\n", { run_cmd: ["a\nb\n"] }],
  ];
  it.each(table)("%s", (_, text, config) => {
    const loaded = loadText(text, "userdata", { strict: true });
    expect(told(loaded)).toEqual([]);
    expect(loaded.config).toEqual(config);
  });

  it("takes !!binary for text or gzip, and nothing else", () => {
    const content = (binary: string) =>
      loadText(`write_files: [{ path: /a, encoding: gz, content: !!binary ${binary} }]`);
    expect(content("H4sIAA==").config.write_files?.[0]?.content).toBe("\x1f\x8b\b\0");
    expect(told(content("/w=="))).toEqual(["error write_files[0].content: expected text, got bytes"]);
    expect(told(content("a!"))).toEqual(['error write_files[0].content: expected base64, got "!" as character 2']);
  });

  it("has bounds", () => {
    expect(told(loadText(`a: ${"[".repeat(40)}`))).toEqual(["error : expected at most 32 levels of nesting, got more"]);
    expect(told(loadText("x".repeat(2 ** 20 + 1)))).toEqual([
      "error : expected at most 1048576 characters, got 1048577",
    ]);
    expect(told(loadText("a: &a [*a]"))).toContain("error : expected at most 32 levels of nesting, got more");
    const laughs = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"];
    for (let i = 1; i < 9; i++) laughs.push(`a${i}: &a${i} [${`*a${i - 1},`.repeat(8)}]`);
    expect(told(loadText(laughs.join("\n")))[0]).toMatch(/^error : expected at most .*, got more$/);
    expect(told(loadText("- a\n".repeat(15_000)))[0]).toMatch(/too long or too broken/);
  });

  it("tells at most 50 problems, and how many more there are", () => {
    const loaded = loadText(Array.from({ length: 60 }, (_, n) => `unknown${n}: 1`).join("\n"));
    expect(loaded.problems).toHaveLength(51);
    expect(told(loaded).at(-1)).toBe("warning : 10 more problems from here on");
    expect(loaded.rejected).toEqual([]);
  });
});

describe("merging", () => {
  const table: [what: string, layers: string[], config: object][] = [
    ["key by key", ["k3os: { token: a, password: b }", "k3os: { token: c }"], { k3os: { token: "c", password: "b" } }],
    ["lists as a whole", ["run_cmd: [a, b]", "run_cmd: [c]"], { run_cmd: ["c"] }],
    [
      "maps as a whole",
      ["k3os: { labels: { a: 1, b: 2 } }", "k3os: { labels: { c: 3 } }"],
      { k3os: { labels: { c: "3" } } },
    ],
    ["null takes back", ["hostname: a\nk3os: { token: b }", "hostname:\nk3os: { token: ~ }"], {}],
    ["and can be set again", ["hostname: a", "hostname: ~", "hostname: b"], { hostname: "b" }],
    [
      "null takes a block back, too, where it is written out",
      ["hostname: a\nk3os: { token: a, install: { silent: true, debug: true } }", "k3os: { token: b, install: ~ }"],
      { hostname: "a", k3os: { token: "b" } },
    ],
    ["and all of k3os", ["hostname: a\nk3os: { token: a, labels: { a: b } }", "k3os: null"], { hostname: "a" }],
    ["which can be set again", ["k3os: { token: a }", "k3os: ~", "k3os: { labels: {} }"], { k3os: { labels: {} } }],
    ["a bare k3os: does nothing", ["k3os: { token: a }", "k3os:\n"], { k3os: { token: "a" } }],
    ["an empty list is a value", ["run_cmd: [a]", "run_cmd: []"], { run_cmd: [] }],
    ["'null' in quotes is a text", ["k3os: { token: 'null' }"], { k3os: { token: "null" } }],
  ];
  it.each(table)("%s", (_, layers, config) => {
    expect(loadAll(...layers).config).toEqual(config);
  });

  it("leaves out a layer with an error as a whole, and only that", () => {
    const loaded = loadAll("hostname: a", "hostname: b\nk3os: { labels: [] }", "run_cmd: [c]");
    expect(loaded.config).toEqual({ hostname: "a", run_cmd: ["c"] });
    expect(loaded.rejected).toEqual(["layer-1"]);
    expect(told(loaded)).toEqual(["error k3os.labels: expected names with values, got a list"]);
  });

  it("knows of a list or a map as a whole where it comes from", () => {
    const text = "k3os: { registries: { configs: { a: { auth: { username: b } } } }, users: [{ name: c }] }";
    expect(Object.keys(loadAll(text).provenance)).toEqual(["k3os.registries.configs", "k3os.users"]);
  });

  it("knows where each key comes from, and what it overrides", () => {
    const { provenance } = loadAll("hostname: a\nk3os:\n  labels: { a: b }\n", "\nhostname: b\n", "hostname: ~\n");
    expect(provenance).toEqual({
      hostname: {
        layer: "layer-2",
        line: 1,
        column: 1,
        overrides: [
          { layer: "layer-0", line: 1, column: 1 },
          { layer: "layer-1", line: 2, column: 1 },
        ],
      },
      "k3os.labels": { layer: "layer-0", line: 3, column: 3, overrides: [] },
    });
  });
});

describe("values that depend on each other", () => {
  const table: [text: string, problem: string][] = [
    [
      "mounts: [{ device: LABEL=a, path: /mnt, format: true }]",
      'mounts[0].device: expected a path below /dev, because of `format`, got "LABEL=a"',
    ],
    [
      "mounts: [{ device: /dev/a, path: /mnt, format: true, type: xfs }]",
      'mounts[0].type: expected ext4, because of `format`, got "xfs"',
    ],
    [
      "mounts: [{ device: /dev/a, path: /mnt }, { device: /dev/b, path: /mnt }]",
      'mounts[1].path: expected another path for each, got "/mnt" again',
    ],
    ["mounts: { path: /mnt }", "mounts[0].device: expected this key, got none"],
    ["mounts: [{ device: , path: /mnt }]", "mounts[0].device: expected a value, got nothing"],
    ["users: [{ name: a }, { name: a }]", 'users[1].name: expected another name for each, got "a" again'],
    [
      "users: [{ name: rancher }]",
      'users[0].name: expected another name than that of an account of the system, got "rancher"',
    ],
    ["manifests: [{ name: a }]", "manifests[0].content: expected `content` or `url`, got neither"],
    [
      "manifests: [{ name: a, url: http://a, content: b }]",
      "manifests[0].url: expected either `content` or `url`, got both",
    ],
    [
      "registries: { mirrors: { docker.io: [a] } }",
      'registries.mirrors["docker.io"]: expected keys with values, got a list',
    ],
    [
      "registries: { mirrors: { a: { endpoint: a } } }",
      'registries.mirrors.a.endpoint[0]: expected the URL of a registry, got "a"',
    ],
    [
      "registries: { configs: { a: { auth: { pasword: x } } } }",
      "registries.configs.a.auth.pasword: unknown key of `k3os.registries.configs.a.auth`",
    ],
  ];
  it.each(table)("%s", (text, problem) => {
    expect(told(loadText(`k3os: { ${text} }`, "system", { strict: true }))).toEqual([`error k3os.${problem}`]);
  });
});

describe("unknown keys", () => {
  const table: [text: string, hint: string | undefined][] = [
    ["hostnam: a", "did you mean `hostname`?"],
    ["k3os: { lables: {} }", "did you mean `labels`?"],
    ["k3os: { dns_nameserver_s: [] }", undefined],
    ["token: a", "its place is `k3os.token`"],
    ["k3os: { hostname: a }", "its place is `hostname`"],
    ["k3os: { environment_: { A: b } }", undefined],
    ["something: else", undefined],
    ["packages: [a]", "the system is immutable: packages are added when the image is built"],
    ["fqdn: a.b", "use `hostname`"],
    ["package_update: true", "the system is immutable: packages are added when the image is built"],
    ["locale: de_DE", undefined],
    ["rancher: { network: {} }", "the keys of `k3os` take its place"],
    ["users: [{ name: a }]", "use `k3os.users`"],
    ["k3os: { mode: local }", "its place is the kernel's command line: k3os.mode=…"],
  ];
  it.each(table)("%s", (text, hint) => {
    const [booting] = loadText(text).problems;
    const [strict] = loadText(text, "system", { strict: true }).problems;
    if (/dns_nameserver_s|environment_/.test(text)) {
      // Only the underscores differ.
      expect(booting).toBeUndefined();
      return;
    }
    expect(booting).toMatchObject({ severity: "warning" });
    expect(strict).toMatchObject({ severity: "error" });
    expect(booting?.hint).toBe(hint);
  });

  it("cost a booting node nothing else", () => {
    const loaded = loadText("ssh_authorized_keys: [github:a]\nhostnam: b\n");
    expect(loaded.config).toEqual({ ssh_authorized_keys: ["github:a"] });
    expect(loaded.rejected).toEqual([]);
  });
});

describe("user data", () => {
  const userdata = (text: string) => loadText(text, "userdata");

  it("may be a cloud-config", () => {
    expect(userdata("#cloud-config\nhostname: a\n").config).toEqual({ hostname: "a" });
  });

  it.each(["#!/bin/sh\necho hi\n", "\u007fELF\0\0"])("may be a program: %j", (text) => {
    const { config, problems } = userdata(text);
    expect(problems).toEqual([]);
    expect(config).toEqual({ write_files: [{ path: SCRIPT, content: text, permissions: "0700" }], run_cmd: [SCRIPT] });
  });

  it("that is a program adds to other layers, below and above", () => {
    const { config } = load([
      { name: "system", kind: "system", text: "run_cmd: [a]\nwrite_files: [{ path: /a }]" },
      { name: "user", kind: "userdata", text: "#!/bin/sh\n" },
      { name: "drop-in", kind: "drop-in", text: "run_cmd: [b]" },
    ]);
    expect(config.run_cmd).toEqual(["b", SCRIPT]);
    expect(config.write_files?.map(({ path }) => path)).toEqual(["/a", SCRIPT]);
  });

  it.each([
    ["Content-Type: multipart/mixed; boundary=x\n", "a MIME archive"],
    ["#include\nhttp://a\n", "a list of addresses"],
    ["## template: jinja\n#cloud-config\n", "a template"],
    ["\u001f\ufffd\b", "gzip"],
  ])("%j is named", (text, what) => {
    expect(told(userdata(text))).toEqual([
      `error : expected a config or a script, got ${what}, which is not supported`,
    ]);
  });

  it("that is prose is refused", () => {
    expect(told(userdata("hello world"))).toEqual(["error : expected keys with values, got a text"]);
    expect(told(userdata("<html>not found</html>"))).toEqual(["error : expected keys with values, got a text"]);
  });
});

describe("other layers", () => {
  it("takes host name and keys from meta-data, and nothing else", () => {
    const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA me";
    const text = `instance-id: i-1\nlocal-hostname: node-1\npublic-keys:\n  laptop: ${key}\n`;
    const loaded = loadText(text, "metadata", { strict: true });
    expect(loaded.problems).toEqual([]);
    expect(loaded.config).toEqual({ hostname: "node-1", ssh_authorized_keys: [key] });
    expect(loadText("instance-id: 1\nlocal-hostname:\n", "metadata").config).toEqual({});
  });

  it("reads a host name and authorized keys as plain text", () => {
    expect(loadText("\nnode-1\n", "hostname").config).toEqual({ hostname: "node-1" });
    expect(loadText("", "hostname").config).toEqual({});
    expect(loadText("# mine\ngithub:a\n\n  github:b\n", "authorized-keys").config).toEqual({
      ssh_authorized_keys: ["github:a", "github:b"],
    });
    expect(loadText("\n# only this\n", "authorized-keys").config).toEqual({});
    expect(loadText("a\n_\n", "authorized-keys").problems).toMatchObject([
      { line: 1, column: 1 },
      { line: 2, column: 1 },
    ]);
  });
});

describe("keys that the surroundings hand over", () => {
  const key = (name: string, kind: LayerKind): Layer => {
    const texts: Partial<Record<LayerKind, string>> = {
      metadata: `public-keys: ["github:${name}"]\n`,
      "authorized-keys": `github:${name}\n`,
    };
    return { name: kind, kind, text: texts[kind] ?? `ssh_authorized_keys: ["github:${name}"]\n` };
  };
  const none: Layer = { name: "none", kind: "userdata", text: "ssh_authorized_keys:\n" };

  it.each([
    ["are added to those of a config", [key("a", "metadata"), key("b", "userdata")], ["a", "b"]],
    ["stay though a config wants none", [key("a", "metadata"), none], ["a"]],
    ["are those of the highest layer that adds", [key("a", "metadata"), key("b", "authorized-keys")], ["b"]],
    ["are there once", [key("a", "authorized-keys"), key("a", "userdata")], ["a"]],
  ])("%s", (_, layers, names) => {
    expect(load(layers).config.ssh_authorized_keys).toEqual(names.map((name) => `github:${name}`));
  });

  it("are told beside those of the config, not as overridden", () => {
    const layers = [key("a", "system"), key("b", "metadata"), key("c", "userdata")];
    expect(load(layers).provenance.ssh_authorized_keys).toEqual({
      ...{ layer: "userdata", line: 1, column: 1 },
      overrides: [{ layer: "system", line: 1, column: 1 }],
      added: { layer: "metadata", line: 1, column: 1 },
    });
  });
});
