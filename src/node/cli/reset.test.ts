import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { main } from "./main.ts";

const flag = "/run/k3os/state/k3os/system/factory-reset";

function node({ mode = "local", terminal = true, answer = "" } = {}) {
  const host = memoryHost({
    files: { "/run/k3os/mode": `${mode}\n`, "/usr/share/k3os/image.json": '{"version":"1.0"}' },
    programs: {
      test: () => ({ status: terminal ? 0 : 1 }),
      head: () => ({ stdout: `${answer}\n` }),
      sync: () => ({}),
      "openrc-shutdown": () => ({}),
    },
  });
  host.mkdir("/run/k3os/state/k3os/system");
  return host;
}

const rebooted = (host: ReturnType<typeof node>) => host.ran.some(([program]) => program === "openrc-shutdown");

describe("k3os reset", () => {
  it("leaves the work to the next boot", async () => {
    const host = node({ terminal: false });
    expect(await main(host, ["reset", "--yes"])).toBe(0);
    expect(host.stat(flag)).toBeDefined();
    expect(rebooted(host)).toBe(true);
  });

  it("asks first", async () => {
    expect(await main(node({ answer: "reset" }), ["reset"])).toBe(0);
    const host = node({ answer: "y" });
    expect(await main(host, ["reset"])).toBe(1);
    expect(host.stat(flag)).toBeUndefined();
    expect(rebooted(host)).toBe(false);
  });

  it("does nothing where nobody can be asked", async () => {
    const host = node({ terminal: false });
    expect(await main(host, ["reset"])).toBe(2);
    expect(host.warned.join("")).toContain("k3os reset --yes");
    expect(rebooted(host)).toBe(false);
  });

  it("has nothing to do on a live system", async () => {
    const host = node({ mode: "live" });
    expect(await main(host, ["reset", "--yes"])).toBe(2);
    expect(rebooted(host)).toBe(false);
  });
});
