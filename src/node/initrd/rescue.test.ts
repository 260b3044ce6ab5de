import { expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { enterRescueShell } from "./rescue.ts";

it("a rescue shell has the disks whose controllers had to be found first", async () => {
  const host = memoryHost({
    files: { "/dev/console": "", "/sys/bus/pci/devices/0/modalias": "pci:controller\n" },
    programs: {
      sh: () => ({}),
      modprobe: (argv) => {
        if (!argv.includes("pci:controller")) return {};
        host.mkdir("/sys/bus/scsi/devices/1");
        host.write("/sys/bus/scsi/devices/1/modalias", "scsi:disk\n");
        return {};
      },
    },
  });
  await enterRescueShell(host);
  expect(host.ran.map((argv) => argv.at(-1))).toEqual(["pci:controller", "scsi:disk", expect.any(String)]);
  expect(host.readText("/dev/console")).toContain("rescue shell");
});
