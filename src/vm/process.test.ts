import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { cpuSeconds, identify, isAlive } from "./process.ts";

const proc = mkdtempSync(join(tmpdir(), "k3os-proc-"));
afterAll(() => rmSync(proc, { recursive: true }));

function pretend(pid: number, program: string, state: string, start: number, boot = "b1"): void {
  mkdirSync(join(proc, String(pid)), { recursive: true });
  const between = Array(18).fill("0").join(" ");
  writeFileSync(join(proc, String(pid), "stat"), `${pid} (${program}) ${state} ${between} ${start} 0 0\n`);
  mkdirSync(join(proc, "sys/kernel/random"), { recursive: true });
  writeFileSync(join(proc, "sys/kernel/random/boot_id"), `${boot}\n`);
}

describe("a process", () => {
  it("is identified by its start, whatever its program is called", () => {
    pretend(10, "k3os (a) b", "S", 4711);
    expect(identify(10, proc)).toEqual({ pid: 10, start: 4711, boot: "b1" });
  });

  it("is gone when its number belongs to a later one", () => {
    pretend(11, "qemu", "S", 100);
    const id = { pid: 11, start: 99, boot: "b1" };
    expect(isAlive(id, proc)).toBe(false);
    expect(isAlive({ ...id, start: 100 }, proc)).toBe(true);
  });

  it("is gone after the host booted, even if number and start are the same", () => {
    pretend(12, "qemu", "S", 100, "b2");
    expect(isAlive({ pid: 12, start: 100, boot: "b1" }, proc)).toBe(false);
  });

  it("is gone when it is a zombie, and when there is none", () => {
    pretend(13, "qemu", "Z", 100);
    expect(identify(13, proc)).toBeUndefined();
    expect(identify(14, proc)).toBeUndefined();
  });

  it("recognises this very process", () => {
    const self = identify(process.pid);
    expect(self && isAlive(self)).toBe(true);
  });

  it("has used processor time, as a user and in the kernel, as long as it lives", () => {
    pretend(12, "qemu", "S", 100);
    const fields = ["12", "(qemu)", "S", ...Array(10).fill("0"), "150", "25", ...Array(6).fill("0"), "100", "0\n"];
    writeFileSync(join(proc, "12/stat"), fields.join(" "));
    expect(cpuSeconds({ pid: 12, start: 100, boot: "b1" }, proc)).toBe(1.75);
    expect(cpuSeconds({ pid: 12, start: 99, boot: "b1" }, proc)).toBeUndefined();
  });
});
