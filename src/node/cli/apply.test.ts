import { describe, expect, it, vi } from "vitest";
import { type MemoryHost, type MemoryHostOptions, memoryHost } from "../../host/memory.ts";
import * as keptPlans from "../apply/kept-plan.ts";
import * as layers from "../layers.ts";
import { catchPrinted } from "../testing.ts";
import { main } from "./main.ts";

const lines = catchPrinted();

const LOCAL = "/var/lib/rancher/k3os/config.yaml";
const TEXT =
  "k3os: { token: hunter2, environment: { A: b } }\nwrite_files: [{ path: /etc/a, content: AAE=, encoding: b64 }]\n";

function machine(programs: MemoryHostOptions["programs"] = {}): MemoryHost {
  return memoryHost({
    programs,
    files: {
      "/proc/cmdline": "quiet",
      [LOCAL]: TEXT,
      "/usr/share/k3os/image.json": '{ "version": "1" }',
      "/run/k3os/mode": "live\n",
      "/proc/sys/kernel/hostname": "a\n",
      "/etc/environment": "",
      "/etc/passwd": "rancher:x:1000:1000::/home/rancher:/bin/bash\n",
      "/etc/shadow": "rancher:*::\n",
      "/etc/group": "rancher:x:1000:\n",
    },
  });
}

async function apply(host: MemoryHost, ...options: string[]) {
  lines.length = 0;
  const status = await main(host, ["apply", ...options]);
  return { status, told: [...lines] };
}

describe("k3os apply", () => {
  it("applies, then finds nothing to do without reading the config again", async () => {
    const host = machine();
    const read = vi.spyOn(layers, "loadConfig");
    const first = await apply(host);
    expect(read).toHaveBeenCalledOnce();
    expect(first).toMatchObject({ status: 0, told: expect.arrayContaining(["write /etc/a (0644)"]) });
    for (const _ of [1, 2]) expect(await apply(host)).toEqual({ status: 0, told: [] });
    expect(read).toHaveBeenCalledOnce();
  });

  it("finds nothing to do a third time by a look at the same files, and after a change does not rely on it", async () => {
    const host = machine();
    for (const _ of [1, 2]) await apply(host);
    const kept = vi.spyOn(keptPlans, "keptPlan");
    expect(await apply(host)).toEqual({ status: 0, told: [] });
    expect(kept).not.toHaveBeenCalled();
    host.write(LOCAL, "hostname: a_b\n");
    expect((await apply(host)).status).toBe(1);
    host.write(LOCAL, TEXT);
    expect(await apply(host)).toMatchObject({ status: 0 });
    expect(JSON.parse(host.readText("/run/k3os/report.json"))).toEqual({ problems: [], failures: [] });
  });

  it("notices a change of the config, and of the node", async () => {
    const host = machine();
    await apply(host);
    host.write(LOCAL, TEXT.replace("A: b", "A: c"));
    expect((await apply(host)).told).toContain("set A in /etc/environment");
    host.write("/etc/a", "somebody else's");
    expect((await apply(host)).told).toEqual(["write /etc/a (0644)"]);
    host.mkdir("/var/lib/rancher/k3os/config.d");
    host.write("/var/lib/rancher/k3os/config.d/a", "k3os: { environment: ~ }");
    expect((await apply(host)).told).toContain("put /etc/environment back as it was");
    expect((await apply(host)).told).toEqual([]);
  });

  it("restarts k3s if it runs and has to be, and tells how if it shall not", async () => {
    const ran = vi.fn(() => ({}));
    const host = machine({ "rc-service": ran });
    await apply(host);
    expect(ran).not.toHaveBeenCalled();
    host.mkdir("/run/openrc/started");
    host.symlink("/etc/init.d/k3s", "/run/openrc/started/k3s");
    host.write(LOCAL, TEXT.replace("A: b", "A: c"));
    expect((await apply(host, "--no-restart")).told.at(-1)).toBe(
      "k3s takes this up when it is restarted: sudo rc-service k3s restart",
    );
    expect(ran).not.toHaveBeenCalled();
    expect((await apply(host)).told).toEqual(["restart k3s, which takes this up when it starts; pods go on running"]);
    expect(host.ran).toContainEqual(["rc-service", "--quiet", "k3s", "restart"]);
    expect(ran).toHaveBeenCalledTimes(1);
    // The service does this when it starts.
    host.remove("/run/k3os/k3s-outdated");
    expect(await apply(host)).toEqual({ status: 0, told: [] });
  });

  it("goes on telling what is wrong with the config, and fails", async () => {
    const host = machine();
    host.write(LOCAL, "hostname: a_b\n");
    expect((await apply(host)).status).toBe(1);
    const again = await apply(host);
    expect(again.status).toBe(1);
    expect(again.told.join()).toContain('hostname: expected a host name, got "a_b"');
  });

  it("keeps what it knows where only root reads it", async () => {
    const host = machine();
    await apply(host);
    const readable = Object.keys(host.texts()).filter((path) => ((host.stat(path)?.mode ?? 0) & 0o077) !== 0);
    const leaks = readable.filter((path) => path !== LOCAL && host.readText(path).includes("hunter2"));
    expect(leaks).toEqual([]);
  });
});
