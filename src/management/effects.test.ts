import { describe, expect, it } from "vitest";
import type { Config } from "../config/index.ts";
import { loadText } from "../config/testing.ts";
import { changesBetween, exceeds, strongest } from "./effects.ts";

const facts = { mode: "local", version: "1", nodeName: "a" };
const configOf = (text: string): Config => loadText(text).config;

describe("the effect of a change", () => {
  it.each([
    ["", "k3os: { sysctls: { a.b: 1 } }", { "k3os.sysctls": "Live" }],
    ["", "k3os: { labels: { a: b } }", { "k3os.labels": "Live" }],
    ["", "k3os: { taints: ['a=b:NoSchedule'] }", { "k3os.taints": "Live" }],
    ["", "k3os: { k3s_args: [--debug] }", { "k3os.k3s_args": "Restart" }],
    ["", "k3os: { registries: { mirrors: { a.b: {} } } }", { "k3os.registries": "Restart" }],
    ["", "k3os: { environment: { A: b } }", { "k3os.environment": "Restart" }],
    ["", "k3os: { proxy: { http: 'http://a:1' } }", { "k3os.proxy": "Restart" }],
    ["", "k3os: { modules: [nbd] }", { "k3os.modules": "Live" }],
    ["k3os: { modules: [nbd] }", "k3os: { modules: [nbd nbds_max=16] }", { "k3os.modules": "Reboot" }],
    ["k3os: { modules: [nbd nbds_max=16] }", "", { "k3os.modules": "Live" }],
    ["", "k3os: { mounts: [{ device: /dev/vdb, path: /mnt/a }] }", { "k3os.mounts": "Live" }],
    [
      "k3os: { mounts: [{ device: /dev/vdb, path: /mnt/a }] }",
      "k3os: { mounts: [{ device: /dev/vdc, path: /mnt/a }] }",
      { "k3os.mounts": "Reboot" },
    ],
    ["", "k3os: { network: { ethernets: { eth0: { dhcp4: true } } } }", { "k3os.network": "Reboot" }],
    ["", "k3os: { wifi: [{ name: a }] }", { "k3os.wifi": "Reboot" }],
    ["", "k3os: { dns_nameservers: [1.1.1.1] }", { "k3os.dns_nameservers": "Reboot" }],
    ["", "k3os: { watchdog: true }", { "k3os.watchdog": "Reboot" }],
    ["", "k3os: { upgrade: { auto: true } }", { "k3os.upgrade": "Live" }],
    ["", "write_files: [{ path: /etc/motd }]", { write_files: "Live" }],
    ["", "write_files: [{ path: /etc/rancher/k3s/x.yaml }]", { write_files: "Restart" }],
    ["", "run_cmd: [a]", { run_cmd: "Live" }],
    ["", "boot_cmd: [a]", { boot_cmd: "Reboot" }],
    ["", "init_cmd: [a]", { init_cmd: "Reboot" }],
    ["init_cmd: [a]\nboot_cmd: [b]", "", { init_cmd: "Live", boot_cmd: "Live" }],
    [
      "",
      "k3os: { users: [{ name: ada, sudo: true }], timezone: UTC }",
      { "k3os.users": "Live", "k3os.timezone": "Live" },
    ],
    ["k3os: { labels: { a: b } }", "k3os: { labels: { a: b } }", {}],
    ["", "k3os: { labels: { a: b }, k3s_args: [--debug] }", { "k3os.labels": "Live", "k3os.k3s_args": "Restart" }],
  ])("from %j to %j", (before, after, want) => {
    const changes = changesBetween(configOf(before), configOf(after), facts);
    expect(Object.fromEntries(changes.map(({ path, effect }) => [path, effect]))).toEqual(want);
  });

  it("has an order", () => {
    expect(strongest(["Live", "Reboot", "Restart"])).toBe("Reboot");
    expect(strongest([])).toBeUndefined();
    expect(exceeds("Restart", "Live")).toBe(true);
    expect(exceeds("Restart", "Restart")).toBe(false);
  });
});
