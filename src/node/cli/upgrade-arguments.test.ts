import { describe, expect, it } from "vitest";
import { readUpgradeOptions } from "./upgrade-arguments.ts";

describe("the options of k3os upgrade", () => {
  const read = (words: string, env = {}) => readUpgradeOptions(words.split(" ").filter(Boolean), env);

  it("restart into the trial unless they say otherwise", () => {
    expect(read("https://example.com/k3os")).toMatchObject({ place: "https://example.com/k3os", reboot: true });
    expect(read("--no-reboot /image")).toMatchObject({ place: "/image", reboot: false });
  });

  it("are those of old k3OS, too, by option or by variable", () => {
    const old = "--kernel --rootfs --remount --sync --reboot --lock-file=/host/lock --source=/k3os/system";
    expect(read(`${old} --destination=/host/k3os/system`)).toMatchObject({ place: "/k3os/system", reboot: true });
    expect(read("", { K3OS_UPGRADE_SOURCE: "/k3os/system", K3OS_UPGRADE_SYNC: "true" })).toMatchObject({
      place: "/k3os/system",
      reboot: false,
    });
    expect(read("", { K3OS_UPGRADE_SOURCE: "/k3os/system", K3OS_UPGRADE_REBOOT: "true" })).toMatchObject({
      reboot: true,
    });
  });

  it("do not choose a version of one image, nor try again for ever", () => {
    expect(() => read("--version 2.0 /image")).toThrow("--version chooses from the channel");
    expect(() => read("--wait --retry /image")).toThrow("--retry does not go with --wait");
  });

  it("wait for the end of the trial if they say so", () => {
    expect(read("--wait /image")).toMatchObject({ place: "/image", wait: true, reboot: true });
    expect(read("/image")).toMatchObject({ wait: false });
  });

  it("may name a key that signed the image", () => {
    const args = ["--key", "ssh-ed25519 AAAA", "http://10.0.2.2:8000"];
    expect(readUpgradeOptions(args, {})).toMatchObject({ place: "http://10.0.2.2:8000", key: "ssh-ed25519 AAAA" });
  });

  it("are refused if they are wrong", () => {
    expect(() => read("/a /b")).toThrow('unexpected "/b"');
    expect(() => read("/a --source /b")).toThrow("given twice");
    expect(() => read("/a --destination /mnt")).toThrow("expected /k3os/system");
    expect(() => read("/a --sideways")).toThrow('unexpected "--sideways"');
  });
});
