import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { hostArchitecture } from "../build/host-architecture.ts";
import { type Tools, toolsIn } from "../build/tools.ts";
import { type AccelOptions, chooseAccel, requireKvm } from "./accel.ts";

const dir = mkdtempSync(join(tmpdir(), "k3os-accel-"));
afterAll(() => rmSync(dir, { recursive: true }));
const cacheFile = join(dir, "cache/accel.json");
afterEach(() => rmSync(cacheFile, { force: true }));

/** Tools whose QEMU is a line of shell, and a device that can be opened. */
function options(qemu: string): AccelOptions {
  const device = join(dir, "kvm");
  writeFileSync(device, "");
  chmodSync(device, 0o600);
  const tools: Tools = { ...toolsIn(dir), command: () => ({ argv: ["sh", "-c", qemu], env: {} }) };
  return { architecture: hostArchitecture(), tools, kernel: "/vmlinuz", device, cacheFile, timeoutMs: 150 };
}

describe("chooseAccel", () => {
  it.each([
    ["a kernel that comes as far as missing its root", "echo 'Kernel panic - not syncing: VFS'; sleep 5", "kvm"],
    ["a kernel that hangs", "exec sleep 5", "tcg"],
    ["a QEMU that fails", "exit 1", "tcg"],
  ] as const)("%s", async (_, qemu, accel) => {
    expect((await chooseAccel(options(qemu))).accel).toBe(accel);
  });

  it("asks once per boot of the host", async () => {
    await chooseAccel(options("exit 1"));
    expect((await chooseAccel(options("echo 'Kernel panic'"))).accel).toBe("tcg");
    writeFileSync(cacheFile, '{"boot":"another","accel":"tcg"}');
    expect((await chooseAccel(options("echo 'Kernel panic'"))).accel).toBe("kvm");
  });

  it("does not even try without access to the device", async () => {
    const choice = await chooseAccel({ ...options("echo 'Kernel panic'"), device: join(dir, "none") });
    expect(choice.accel).toBe("tcg");
    expect(existsSync(cacheFile)).toBe(false);
  });

  it("does not even try with another processor than this host's", async () => {
    const architecture = hostArchitecture() === "amd64" ? "arm64" : "amd64";
    const choice = await chooseAccel({ ...options("echo 'Kernel panic'"), architecture });
    expect(choice).toEqual({
      accel: "tcg",
      note: `the machine is ${architecture} and this host is ${hostArchitecture()}`,
    });
    expect(() => requireKvm(architecture, join(dir, "kvm"))).toThrow(choice.note);
  });

  it("ends with the user's patience and remembers nothing", async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error("stopped")), 20);
    await expect(chooseAccel({ ...options("exec sleep 5"), timeoutMs: 5000, signal: stop.signal })).rejects.toThrow(
      "stopped",
    );
    expect(existsSync(cacheFile)).toBe(false);
  });
});
