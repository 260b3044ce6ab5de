import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { isAsSeen, watched } from "./seen.ts";

function machine() {
  const host = memoryHost({
    files: { "/run/k3os/mode": "live\n", "/etc/a": "text", "/etc/b": new Uint8Array([1, 2]), "/etc/d/one": "" },
  });
  host.symlink("a", "/etc/link");
  return host;
}

function look(host: ReturnType<typeof machine>): void {
  const seen = watched(host);
  seen.host.readText("/etc/a");
  seen.host.read("/etc/b");
  seen.host.stat("/etc/a");
  seen.host.stat("/etc/none");
  seen.host.list("/etc/d");
  seen.host.readLink("/etc/link");
  seen.keep();
}

describe("what was looked at", () => {
  it("is as it was if nothing changed but a time", async () => {
    const host = machine();
    expect(isAsSeen(host)).toBe(false);
    look(host);
    await host.sleep(1000);
    host.write("/etc/a", "text");
    expect(isAsSeen(host)).toBe(true);
  });

  it.each<[string, (host: ReturnType<typeof machine>) => void]>([
    ["a text", (host) => host.write("/etc/a", "texts")],
    ["bytes", (host) => host.write("/etc/b", new Uint8Array([1, 3]))],
    ["permissions", (host) => host.chmod("/etc/a", 0o600)],
    ["an owner", (host) => host.chown("/etc/a", "7:7")],
    ["a file that was not there", (host) => host.write("/etc/none", "")],
    ["a file that is gone", (host) => host.remove("/etc/b")],
    ["a name in a directory", (host) => host.write("/etc/d/two", "")],
    ["a link", (host) => host.symlink("b", "/etc/link")],
  ])("is not, after a change of %s", (_, change) => {
    const host = machine();
    look(host);
    change(host);
    expect(isAsSeen(host)).toBe(false);
  });

  it("is not kept if it is no text, because the difference to another would be lost", () => {
    const host = machine();
    host.write("/etc/b", new Uint8Array([0xff]));
    look(host);
    expect(isAsSeen(host)).toBe(false);
  });

  it("is kept where only root reads it", () => {
    const host = machine();
    look(host);
    expect(host.stat("/run/k3os/seen.json")?.mode).toBe(0o600);
  });
});
