import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { prepareInstallation } from "./install-mode.ts";

const machine = () =>
  memoryHost({
    files: { "/etc/runlevels/default/k3s": "", "/etc/runlevels/default/k3os-agent": "", "/etc/conf.d/hostname": "" },
  });

describe("prepareInstallation", () => {
  it("has the consoles ask, and Kubernetes stay away", async () => {
    const host = machine();
    await prepareInstallation(host, false);
    expect(host.list("/etc/runlevels/default")).toEqual([]);
    expect(host.readText("/etc/conf.d/console")).toContain("--login-program /usr/lib/k3os/install-on-console");
  });

  it("starts the installer by itself when nobody is to be asked", async () => {
    const host = machine();
    await prepareInstallation(host, true);
    expect(host.list("/etc/runlevels/default")).toEqual(["k3os-install"]);
    expect(host.stat("/etc/conf.d/console")).toBeUndefined();
  });
});
