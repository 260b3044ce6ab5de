import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildIso } from "../../src/build/index.ts";
import { useMachine } from "./support/machine.ts";

const expectLive = (
  name: string,
  node: ReturnType<typeof useMachine>,
  expected: { source: RegExp; firmware: string },
) => {
  it("boots live to a Ready node", async () => {
    expect(await node.kubectl("wait", "--for=condition=Ready", `node/${name}`, "--timeout=60s")).toContain(
      "condition met",
    );
    expect(await node.node("cat /run/k3os/mode")).toBe("live\n");
  });

  it("runs from that medium", async () => {
    expect(await node.node("awk '$2 == \"/run/k3os/medium\" { print $1 }' /proc/mounts")).toMatch(expected.source);
    const firmware = await node.node("[ -d /sys/firmware/efi ] && echo uefi || echo bios");
    expect(firmware.trim()).toBe(expected.firmware);
  });
};

describe("the ISO as a disc under BIOS", () => {
  const name = "test-iso-bios";
  const node = useMachine({ name, up: ["--iso", "disc"] });
  expectLive(name, node, { source: /^\/dev\/sr/, firmware: "bios" });
});

describe("the ISO as a disc under Secure Boot", () => {
  const name = "test-iso-secure";
  const node = useMachine({ name, up: ["--iso", "disc", "--secure-boot"] });
  expectLive(name, node, { source: /^\/dev\/sr/, firmware: "uefi" });

  it("is locked down by it", async () => {
    expect(await node.node("sudo dmesg")).toMatch(/Kernel is locked down from EFI Secure Boot/);
  });
});

describe("the ISO as a USB stick under UEFI", () => {
  const name = "test-iso-usb";
  const node = useMachine({
    name,
    boot: async () => ({ kind: "iso", file: join((await buildIso()).dir, "k3os.iso"), as: "usb", firmware: "uefi" }),
  });
  expectLive(name, node, { source: /^\/dev\/sd/, firmware: "uefi" });
});
