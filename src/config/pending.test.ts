import { describe, expect, it } from "vitest";
import { utf8 } from "./bytes.ts";
import { type Observed, pending, render, type Step, type StepName } from "./index.ts";
import { steps, WHOLE } from "./plan.cases.ts";
import type { Leftovers, Observation, Observations, ObservedAccount, ObservedNetwork } from "./steps/kind.ts";

const net = (address: string) => `k3os: { network: { ethernets: { eth0: { addresses: [${address}] } } } }`;

/** A node as an object that steps can be applied to. */
class TestNode implements Observed {
  readonly files = new Map<string, { content: Uint8Array; mode: number; owner: string }>();
  private readonly modules = new Set<string>();
  private readonly sysctls = new Map<string, string>();
  private readonly applied = new Set<string>();
  private readonly originals = new Map<string, string | undefined>();
  private readonly accounts = new Map<string, ObservedAccount>();
  private readonly passwords = new Map<string, string>();
  private readonly mounts = new Set<string>();
  private readonly manifests = new Set<string>();
  k3sRuns = false;
  k3sIsOutdated = false;
  configured: ObservedNetwork | undefined;
  private zone?: string;
  private name = "localhost";

  file(path: string) {
    const file = this.files.get(path);
    return file && { ...file, ownedBy: (owner: string) => file.owner === owner };
  }
  original = (path: string) => (this.originals.has(path) ? this.originals.get(path) : this.text(path));
  done = (step: object) => this.applied.has(JSON.stringify(step));

  private readonly looks: { readonly [K in keyof Observations]: (step: Step<K>) => Observations[K] } = {
    module: ({ name }) => this.modules.has(name),
    sysctl: ({ key }) => this.sysctls.get(key),
    hostname: () => this.name,
    password: ({ user }) => this.passwords.get(user),
    timezone: () => this.zone,
    mount: ({ path }) => this.mounts.has(path),
    account: ({ user }) => this.accounts.get(user),
    manifest: ({ name }) => this.manifests.has(name),
    "remote-manifest": ({ name }) => this.manifests.has(name),
    network: () => this.configured,
    k3s: () => Object.fromEntries([...this.files.keys()].map((path) => [path, this.text(path) ?? ""])),
  };
  observe<K extends StepName>(step: Step<K>): Observation<K> {
    const looks: { readonly [Kind in StepName]?: (step: never) => unknown } = this.looks;
    return looks[step.kind]?.(step as never) as Observation<K>;
  }

  private readonly left: { readonly [K in keyof Leftovers]: () => Leftovers[K] } = {
    "no-account": () => [...this.accounts.keys()],
    restore: () => [...this.originals.keys()],
    "restore-sysctl": () => Object.fromEntries([...this.sysctls.keys()].map((key) => [key, "0"])),
    "no-network": () => this.configured !== undefined,
    "restart-k3s": () => ({ started: this.k3sRuns, outdated: this.k3sIsOutdated }),
  };
  leftovers<K extends keyof Leftovers>(kind: K): Leftovers[K] {
    return this.left[kind]();
  }

  apply(step: Step): void {
    this.applied.add(JSON.stringify(step));
    if (step.kind === "module") this.modules.add(step.name);
    if (step.kind === "sysctl") this.sysctls.set(step.key, `${step.value.replaceAll(" ", "\t")}\n`);
    if (step.kind === "restore-sysctl") this.sysctls.delete(step.key);
    if (step.kind === "hostname") this.name = step.name;
    if (step.kind === "password" && step.hashed) this.passwords.set(step.user, step.password);
    if (step.kind === "network") this.configured = { network: step.network, complete: true };
    if (step.kind === "no-network") this.configured = undefined;
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
    ["an address", net("10.0.0.5/24"), net("10.0.0.6/24"), ["network"]],
    ["no network any more", net("10.0.0.5/24"), "", ["no-network"]],
    ["no file any more", "write_files: [{ path: /a }]", "", []],
    ["nothing", "hostname: a", "hostname: a # note", []],
  ])("is only what has changed: %s", (_, before, after, kinds) => {
    const node = new TestNode();
    for (const step of steps(before)) node.apply(step);
    expect(pending(steps(after), node).map(({ kind }) => kind)).toEqual(kinds);
  });

  it("is a network that was there before another one, too", () => {
    const node = new TestNode();
    for (const text of [net("10.0.0.5/24"), net("10.0.0.6/24"), net("10.0.0.5/24")]) {
      const due = pending(steps(text), node);
      expect(due.map(({ kind }) => kind)).toContain("network");
      for (const step of due) node.apply(step);
    }
  });

  it.each([
    ["an argument", "k3os: { k3s_args: [server, --debug] }", true],
    ["a label", "k3os: { labels: { a: b } }", false],
    ["a taint", "k3os: { taints: ['a=b:NoSchedule'] }", false],
    ["a variable", "k3os: { environment: { A: b } }", true],
    ["a proxy", "k3os: { proxy: { http: http://p } }", true],
    ["a registry", "k3os: { registries: { mirrors: { a: } } }", true],
    ["an address", net("10.0.0.5/24"), true],
    ["a file of k3s's", "write_files: [{ path: /etc/rancher/k3s/config.yaml }]", true],
    ["another file", "write_files: [{ path: /etc/a }]", false],
    ["a zone", "k3os: { timezone: UTC }", false],
  ])("is a restart of k3s, if it runs, at the end and for %s: both ways", (_, text, wanted) => {
    const node = new TestNode();
    for (const step of steps("")) node.apply(step);
    expect(pending(steps(text), node).map(({ kind }) => kind)).not.toContain("restart-k3s");
    node.k3sRuns = true;
    expect(pending(steps(""), node)).toEqual([]);
    const due = pending(steps(text), node);
    expect(due.at(-1)?.kind === "restart-k3s").toBe(wanted);
    for (const step of due) node.apply(step);
    const back = pending(steps(""), node).map(({ kind }) => kind);
    if (!text.includes("write_files")) expect(back.at(-1) === "restart-k3s").toBe(wanted);
  });

  it("is no restart of k3s when a network is tried again that could not be configured", () => {
    const node = new TestNode();
    for (const step of steps(net("10.0.0.5/24"))) node.apply(step);
    node.k3sRuns = true;
    node.configured = node.configured && { ...node.configured, complete: false };
    expect(pending(steps(net("10.0.0.5/24")), node).map(({ kind }) => kind)).toEqual(["network"]);
  });

  it("is a restart of k3s that was put off, as long as it was", () => {
    const node = new TestNode();
    for (const step of steps("")) node.apply(step);
    node.k3sRuns = true;
    node.k3sIsOutdated = true;
    expect(pending(steps(""), node).map(({ kind }) => kind)).toEqual(["restart-k3s"]);
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
