import { describe, expect, it } from "vitest";
import { memoryHost } from "../host/memory.ts";
import { withLock } from "./lock.ts";

const machine = (holder?: string) => {
  const stat = (pid: string, start: number) => ({
    [`/proc/${pid}/stat`]: `${pid} (q js) S ${"0 ".repeat(18)}${start} 0\n`,
  });
  const host = memoryHost({
    files: { ...stat("100", 555), ...stat("200", 777), "/run/k3os/mode": "live\n" },
    programs: {
      ln([, , target = "", path = ""]) {
        if (host.stat(path)) return { status: 1 };
        host.symlink(target, path);
        return {};
      },
    },
  });
  host.symlink("100", "/proc/self");
  if (holder !== undefined) host.symlink(holder, "/run/k3os/installer.lock");
  return host;
};

describe("withLock", () => {
  it("is held during the work, and free after it, also when the work fails", async () => {
    const host = machine();
    await withLock(host, "installer", async () => expect(host.readLink("/run/k3os/installer.lock")).toBe("100@555"));
    await expect(withLock(host, "installer", () => Promise.reject(new Error("x")))).rejects.toThrow("x");
    expect(host.stat("/run/k3os/installer.lock")).toBeUndefined();
  });

  it("leaves alone what another process has taken meanwhile", async () => {
    const host = machine();
    await withLock(host, "installer", async () => {
      host.remove("/run/k3os/installer.lock");
      host.symlink("200@777", "/run/k3os/installer.lock");
    });
    expect(host.readLink("/run/k3os/installer.lock")).toBe("200@777");
  });

  it("refuses while another process holds it", async () => {
    await expect(withLock(machine("200@777"), "installer", async () => {})).rejects.toThrow(
      "another installer is at work (process 200)",
    );
  });

  it("takes over what a process left that is gone, or whose number came again", async () => {
    expect(await withLock(machine("300@1"), "installer", async () => "done")).toBe("done");
    expect(await withLock(machine("200@1"), "installer", async () => "done")).toBe("done");
  });
});
