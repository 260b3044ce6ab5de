import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { originalText, restoreFile, writeNoted, writtenPaths } from "./written.ts";

function machine(text?: string) {
  const host = memoryHost({
    files: { "/run/k3os/mode": "live\n", "/etc/keep": "", ...(text !== undefined && { "/etc/a": text }) },
  });
  const write = (to: string) => writeNoted(host, "/etc/a", () => host.write("/etc/a", to));
  return { host, write };
}

describe("a file that a step wrote", () => {
  it("goes back to what it was, however often it was written", () => {
    const { host, write } = machine("shipped");
    write("one");
    write("two");
    expect(originalText(host, "/etc/a")).toBe("shipped");
    expect(writtenPaths(host)).toEqual(["/etc/a"]);
    restoreFile(host, "/etc/a");
    expect(host.readText("/etc/a")).toBe("shipped");
    expect(writtenPaths(host)).toEqual([]);
  });

  it("goes if it was not there, a link too", () => {
    const { host, write } = machine();
    write("one");
    restoreFile(host, "/etc/a");
    expect(host.stat("/etc/a")).toBeUndefined();
    writeNoted(host, "/etc/localtime", () => host.symlink("/usr/share/zoneinfo/UTC", "/etc/localtime"));
    restoreFile(host, "/etc/localtime");
    expect(host.stat("/etc/localtime")).toBeUndefined();
  });

  it("stays once somebody else has changed it", () => {
    const { host, write } = machine("shipped");
    write("one");
    host.write("/etc/a", "mine");
    expect(writtenPaths(host)).toEqual([]);
    expect(originalText(host, "/etc/a")).toBe("mine");
    restoreFile(host, "/etc/a");
    expect(host.readText("/etc/a")).toBe("mine");
  });

  it("goes back to what it was first, after a repair, too", () => {
    const { host, write } = machine("shipped");
    write("one");
    host.write("/etc/a", "mine");
    write("one");
    restoreFile(host, "/etc/a");
    expect(host.readText("/etc/a")).toBe("shipped");
  });

  it("is noted where only root reads what was there before", () => {
    const { host, write } = machine("secret");
    write("one");
    expect(host.stat("/run/k3os/written.json")?.mode).toBe(0o600);
  });
});
