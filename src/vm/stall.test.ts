import { describe, expect, it } from "vitest";
import { hasUserland, type Look, stallOf } from "./stall.ts";

const kernel = "[    0.412345] i8042: No controller found\n";
const menu = "GNU GRUB  version 2.12\n *k3OS\nThe highlighted entry will be executed automatically in 1s.\n";
const booting = "  Booting `k3OS'\n\n";
const rcu = `${kernel}[   26.1] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n`;
const wakeup = "[   47.1] rcu: rcu_preempt kthread timer wakeup didn't happen for 5252 jiffies! g-1183 f0x0\n";
const firmware = "UEFI firmware (version 2025.02-8 built at 00:00:00)\n\n";
const openrc = "OpenRC init version 0.56 starting\n";

/** A machine that has been silent and idle for a minute. */
const idle: Look = { boot: "image", console: "", idleSeconds: 60, busySeconds: 20 };

describe("a machine stands still", () => {
  it.each<[string, Partial<Look>, RegExp]>([
    ["whose kernel tells of stalls", { console: rcu, idleSeconds: 0, busySeconds: 0 }, /lost its timers/],
    ["whose kernel misses a wakeup", { console: wakeup, idleSeconds: 0, busySeconds: 0 }, /lost its timers/],
    ["whose kernel misses one after a network boot", { boot: "network", console: wakeup }, /lost its timers/],
    ["that prints and does nothing", {}, /^it printed nothing and did nothing for 60 s$/],
    ["that does nothing behind a warning of its kernel", { console: kernel }, /did nothing/],
    ["that does nothing behind its firmware", { console: firmware }, /did nothing/],
    ["that does nothing behind its boot menu", { boot: "disk", console: menu + booting }, /did nothing/],
    [
      "that does nothing behind the second entry that was tried",
      { boot: "iso", console: `${booting}error: file not found.\n${booting}EFI stub: UEFI Secure Boot is enabled.\n` },
      /did nothing/,
    ],
    ["whose kernel waits in a loop", { idleSeconds: 0, busySeconds: 130 }, /nothing during 130 s of processor/],
  ])("%s", (_, change, reason) => {
    expect(stallOf({ ...idle, ...change })).toMatch(reason);
  });
});

describe("a machine may be on its way", () => {
  it.each<[string, Partial<Look>]>([
    ["that was idle for a short time", { idleSeconds: 29 }],
    ["that works on a slow host", { idleSeconds: 0, busySeconds: 90 }],
    ["whose userland has begun, whatever its kernel says", { console: openrc + rcu }],
    ["that waits in a rescue shell", { console: `${kernel}k3OS rescue shell\n# ` }],
    ["whose firmware is silent", { boot: "disk", idleSeconds: 300, busySeconds: 300 }],
    ["whose userland has begun behind its firmware", { console: firmware + openrc }],
    ["whose boot menu waits", { boot: "iso", console: menu }],
    ["that fetches its kernel by network", { boot: "network", console: "boot.ipxe... ok\nvmlinuz..." }],
  ])("%s", (_, change) => {
    expect(stallOf({ ...idle, ...change })).toBeUndefined();
  });
});

it("knows the first line of a userland from those of firmware, menu and kernel", () => {
  expect(hasUserland("image", kernel)).toBe(false);
  expect(hasUserland("image", kernel + openrc)).toBe(true);
  expect(hasUserland("image", firmware)).toBe(false);
  expect(hasUserland("image", firmware + openrc)).toBe(true);
  expect(hasUserland("disk", menu)).toBe(false);
  expect(hasUserland("disk", `${menu}${booting}${kernel}`)).toBe(false);
  expect(hasUserland("disk", `${menu}${booting}${kernel}${openrc}`)).toBe(true);
  expect(hasUserland("network", "iPXE 1.21.1\nboot.ipxe... ok\n")).toBe(false);
  expect(hasUserland("network", `boot.ipxe... ok\n${openrc}`)).toBe(true);
});
