import { describe, expect, it } from "vitest";
import { readDisks } from "../devices/disks.ts";
import { checkConfig } from "./node-config.ts";
import { makePlan, question, summary } from "./plan.ts";
import { machineWith } from "./testing.ts";

const [disk] = readDisks(machineWith({ vda: { facts: { serial: "x1" } } }));
const image = {
  directory: "/i",
  size: 125e6,
  json: {
    version: "1.0",
    kernel: { release: "6.12", arguments: [] },
    kubernetes: { source: "upstream", version: "v1.37.2" },
  },
} as unknown as Parameters<typeof makePlan>[0]["image"];
const contents = [{ path: "/dev/vda1", size: 20e9, type: "ntfs", label: "Photos" }];
const config = checkConfig(
  "hostname: a\nk3os:\n  token: t0p\n  install: { device: only }\n  colour: blue\n",
  "node.yaml",
);
const plan = (settings = {}, on = contents) => {
  if (disk === undefined) throw new Error("no disk");
  return makePlan({ disk, contents: on, image, config }, settings);
};

describe("the summary of an installation", () => {
  it("tells the disk, what is erased, and the whole config but its secrets", () => {
    expect(summary(plan({ tty: "/dev/ttyS1", power_off: true }))).toBe(`
Disk     /dev/vda, 20 GB (virtio, serial x1)
Erased   /dev/vda1  20 GB  ntfs "Photos"
System   k3OS 1.0, Linux 6.12, Kubernetes v1.37.2, 125 MB, started by BIOS and UEFI
Kernel   console=ttyS1
Then     power off

config.yaml
  hostname: a
  k3os:
    token: (hidden)

${config.warnings[0]}

`);
    expect(config.warnings[0]).toMatch(/^node\.yaml:5:3 k3os\.colour: warning: /);
  });

  it("asks for what is done", () => {
    expect(question(plan())).toBe("Erase /dev/vda and install?");
    expect(question(plan({}, []))).toBe("Install to /dev/vda?");
    expect(question(plan({ no_format: true }))).toBe("Replace the system on /dev/vda?");
  });
});
