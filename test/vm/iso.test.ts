import { describe, expect, it } from "vitest";
import { useMachine } from "./support/machine.ts";

const ways = [
  {
    title: "a disc under BIOS",
    name: "test-iso-bios",
    up: ["--iso", "disc", "--firmware", "bios"],
    source: /^\/dev\/sr/,
  },
  {
    title: "a USB stick under UEFI",
    name: "test-iso-uefi",
    up: ["--iso", "usb", "--firmware", "uefi"],
    source: /^\/dev\/sd/,
  },
] as const;

for (const { title, name, up, source } of ways) {
  describe(`the ISO as ${title}`, () => {
    const node = useMachine({ name, up });

    it("boots live to a Ready node", async () => {
      expect(await node.kubectl("wait", "--for=condition=Ready", `node/${name}`, "--timeout=60s")).toContain(
        "condition met",
      );
      expect(await node.node("cat /run/k3os/mode")).toBe("live\n");
    });

    it("runs from that medium", async () => {
      expect(await node.node("awk '$2 == \"/run/k3os/medium\" { print $1 }' /proc/mounts")).toMatch(source);
      const firmware = await node.node("[ -d /sys/firmware/efi ] && echo uefi || echo bios");
      expect(up).toContain(firmware.trim());
    });
  });
}
