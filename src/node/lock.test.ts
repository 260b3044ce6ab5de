import { describe, expect, it } from "vitest";
import { HostError } from "../host/host.ts";
import { memoryHost } from "../host/memory.ts";
import { withLock } from "./lock.ts";

/** `before` is called with the path of each lock that is about to be taken. */
const machine = (holder?: string, before: (path: string) => void = () => {}) => {
  const stat = (pid: string, start: number) => ({
    [`/proc/${pid}/stat`]: `${pid} (q js) S ${"0 ".repeat(18)}${start} 0\n`,
  });
  const host = memoryHost({
    files: { ...stat("100", 555), ...stat("200", 777), "/run/k3os/mode": "live\n" },
    programs: {
      ln([, , target = "", path = ""]) {
        before(path);
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

  it("leaves the lock to another process that took it over meanwhile", async () => {
    const host = machine("300@1", (path) => {
      if (!path.endsWith(".after-300@1")) return;
      host.remove("/run/k3os/installer.lock");
      host.symlink("200@777", "/run/k3os/installer.lock");
    });
    await expect(withLock(host, "installer", async () => {})).rejects.toThrow("another installer has just begun");
    expect(host.readLink("/run/k3os/installer.lock")).toBe("200@777");
    expect(host.list("/run/k3os")).toEqual(["installer.lock", "mode"]);
  });

  it("is left to who takes it just after it was found free", async () => {
    const path = "/run/k3os/installer.lock";
    const inner = machine("300@1", (taken) => {
      if (!taken.endsWith(".after-")) return;
      inner.remove(path);
      inner.symlink("200@777", path);
    });
    let looks = 0;
    const readLink = (of: string) => {
      // As if it was looked at between the end of one process and the beginning of another.
      if (of === path && looks++ < 2) throw new HostError("ENOENT", "readlink", of);
      return inner.readLink(of);
    };
    const work = withLock({ ...inner, readLink }, "installer", async () => {});
    await expect(work).rejects.toThrow("another installer has just begun");
    expect(inner.readLink(path)).toBe("200@777");
  });

  it("waits for nobody who ended while he took a lock over", async () => {
    const host = machine("300@1");
    host.symlink("301@1", "/run/k3os/installer.lock.after-300@1");
    expect(await withLock(host, "installer", async () => "done")).toBe("done");
    expect(host.list("/run/k3os")).toEqual(["mode"]);
    host.symlink("300@1", "/run/k3os/installer.lock");
    host.symlink("200@777", "/run/k3os/installer.lock.after-300@1");
    await expect(withLock(host, "installer", async () => {})).rejects.toThrow("(process 200)");
  });

  it("refuses while another process holds it", async () => {
    await expect(withLock(machine("200@777"), "installer", async () => {})).rejects.toThrow(
      "another installer is at work (process 200)",
    );
  });

  it("waits a while for who holds it for some seconds only, as a step, and no longer", async () => {
    const host = machine();
    const [path, steps] = ["/run/k3os/upgrade.lock", [] as string[]];
    const step = (title: string) => {
      steps.push(title);
      return { update() {}, done: () => steps.push("done"), fail: () => steps.push("failed") };
    };
    const { sleep } = host;
    host.symlink("200@777", path);
    host.sleep = async (milliseconds) => {
      if (host.monotonic() >= 5000) host.remove(path);
      await sleep(milliseconds);
    };
    expect(await withLock(host, "upgrade", async () => "done", { progress: { step } })).toBe("done");
    expect([host.monotonic(), steps]).toEqual([
      6000,
      ["Wait, because another upgrade is at work (process 200)", "done"],
    ]);
    host.symlink("200@777", path);
    host.sleep = sleep;
    await expect(withLock(host, "upgrade", async () => {}, { progress: { step } })).rejects.toThrow(
      "another upgrade is at work",
    );
    expect([host.monotonic(), steps.at(-1)]).toEqual([36_000, "failed"]);
    await expect(withLock(host, "upgrade", async () => {}, { patient: false })).rejects.toThrow("(process 200)");
    expect(host.monotonic()).toBe(36_000);
  });

  it("takes over what a process left that is gone, or whose number came again", async () => {
    expect(await withLock(machine("300@1"), "installer", async () => "done")).toBe("done");
    expect(await withLock(machine("200@1"), "installer", async () => "done")).toBe("done");
  });
});
