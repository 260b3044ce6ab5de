import { describe, expect, it } from "vitest";
import { bootArguments } from "./boot-arguments.ts";

describe("bootArguments", () => {
  const cases = [
    ["quiet console=ttyS0", { root: undefined, mode: "live", debug: false }],
    ["k3os.debug", { debug: true }],
    ["k3os.debug=false", { debug: false }],
    ["rescue", { mode: "shell" }],
    ["k3os.mode=shell k3os.mode=live", { mode: "live" }],
    ["k3os.root=SERIAL=k3os-root", { root: { kind: "serial", serial: "k3os-root" } }],
    [
      "k3os.root=LABEL=K3OS:/k3os/system/1.0/root.squashfs",
      { root: { kind: "label", label: "K3OS", path: "/k3os/system/1.0/root.squashfs" } },
    ],
  ] as const;
  for (const [cmdline, want] of cases) it(cmdline, () => expect(bootArguments(`${cmdline}\n`)).toMatchObject(want));

  it("names a root that it cannot read, and the way out", () => {
    expect(() => bootArguments("k3os.root=/dev/sda1")).toThrow(
      'expected LABEL=<volume>:<path> or SERIAL=<serial>, got "/dev/sda1"',
    );
  });
  it("names a mode that it does not know", () => {
    expect(() => bootArguments("k3os.mode=turbo")).toThrow('expected live or shell, got "turbo"');
  });
});
