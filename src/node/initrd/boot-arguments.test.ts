import { describe, expect, it } from "vitest";
import { bootArguments } from "./boot-arguments.ts";

describe("bootArguments", () => {
  const cases = [
    [
      "quiet console=ttyS0",
      { root: undefined, mode: undefined, rescue: false, wipe: undefined, debug: false, dev: false },
    ],
    ["k3os.debug", { debug: true }],
    ["k3os.debug=false", { debug: false }],
    ["k3os.dev", { dev: true, debug: false }],
    ["k3os.slot=b k3os.trial", { trial: true }],
    ["k3os.slot=b", { trial: false }],
    ["rescue", { rescue: true }],
    ["k3os.mode=shell", { rescue: true, mode: undefined }],
    ["k3os.mode=shell k3os.mode=live", { rescue: false, mode: "live" }],
    ["k3os.mode=disk", { mode: "local" }],
    ["k3os.mode=install k3os.mode=local", { mode: "local" }],
    ["k3os.mode=factory-reset", { mode: "local", wipe: "factory-reset" }],
    ["k3os.mode=ephemeral", { mode: "local", wipe: "ephemeral" }],
    ["k3os.fallback_mode=install", { mode: undefined, fallbackMode: "install" }],
    ["k3os.root=SERIAL=k3os-root", { root: { kind: "serial", serial: "k3os-root" } }],
    [
      "k3os.root=LABEL=K3OS:/k3os/system/1.0/root.squashfs",
      { root: { kind: "label", label: "K3OS", path: "/k3os/system/1.0/root.squashfs" } },
    ],
    [
      "k3os.root=http://10.0.2.2:8000/k3os/root.squashfs",
      { root: { kind: "url", url: "http://10.0.2.2:8000/k3os/root.squashfs" } },
    ],
    ["BOOTIF=01-52-54-00-AB-34-56", { bootCard: "52:54:00:ab:34:56" }],
    ["BOOTIF=eth0", { bootCard: undefined }],
    ["k3os.root=UUID=6b33-4f:/root.squashfs", { root: { kind: "uuid", uuid: "6b33-4f", path: "/root.squashfs" } }],
  ] as const;
  for (const [cmdline, want] of cases) it(cmdline, () => expect(bootArguments(`${cmdline}\n`)).toMatchObject(want));

  it.each(["/dev/sda1", "root.squashfs", "http://10.0.2.2", "https://10.0.2.2/root.squashfs"])(
    "names a root that it cannot read, and the way out: %s",
    (root) => {
      expect(() => bootArguments(`k3os.root=${root}`)).toThrow(
        `expected LABEL=<volume>:<path>, UUID=<volume>:<path>, SERIAL=<serial> or http://<server>/<path>, got "${root}"`,
      );
    },
  );
  it.each(["turbo", "toString"])("names a mode that it does not know: %s", (word) => {
    expect(() => bootArguments(`k3os.mode=${word}`)).toThrow(/k3os\.mode: expected live, .*, got/);
  });
});
