import { describe, expect, it } from "vitest";
import { machineConfig } from "../../management/testing.ts";
import { installedDisk, powerOn } from "../slots/testing.ts";
import { catchPrinted } from "../testing.ts";
import { main } from "./main.ts";

const printed = catchPrinted();

const FILE = "/tmp/configs.json";

async function node(...configs: readonly unknown[]) {
  const host = await installedDisk();
  const files = {
    "/run/k3os/mode": "local\n",
    "/proc/sys/vm/swappiness": "60\n",
    "/etc/passwd": "",
    "/etc/group": "",
    "/etc/shadow": "",
    [FILE]: JSON.stringify({ metadata: {}, items: configs }),
  };
  for (const [path, text] of Object.entries(files)) {
    host.mkdir(path.slice(0, path.lastIndexOf("/")));
    host.write(path, text);
  }
  return host;
}

const live = machineConfig("10-a", { k3os: { sysctls: { "vm.swappiness": 5 } } });
const reboot = machineConfig("20-b", { k3os: { modules: ["nbd nbds_max=16"] } });

describe("k3os machine-configs", () => {
  it("says what it would do, and does nothing", async () => {
    const host = await node(live, reboot);
    expect(await main(host, ["machine-configs", "--file", FILE, "--plan"])).toBe(0);
    expect(JSON.parse(printed.join(""))).toMatchObject({
      effect: "Reboot",
      plan: [{ config: "20-b" }, { config: "10-a" }],
    });
    expect(host.readText("/proc/sys/vm/swappiness")).toBe("60\n");
  });

  it("does what can be done live", async () => {
    const host = await node(live);
    expect(await main(host, ["machine-configs", "--file", FILE])).toBe(0);
    expect(host.readText("/proc/sys/vm/swappiness")).toBe("5");
    printed.length = 0;
    expect(await main(host, ["machine-configs", "--drift"])).toBe(0);
    // The boot menu of this host in memory passes no arguments of the image.
    expect(printed).toEqual(['[{"kind":"KernelArgument","path":"nosmt"}]']);
  });

  it("tries the rest by a boot", async () => {
    const host = await node(live, reboot);
    expect(await main(host, ["machine-configs", "--file", FILE, "--no-reboot"])).toBe(0);
    expect(powerOn(host)).toMatchObject({ slot: "b", trial: true });
  });

  it("asks for a file", async () => {
    const host = await node();
    expect(await main(host, ["machine-configs"])).toBe(2);
    host.write(FILE, "{");
    expect(await main(host, ["machine-configs", "--file", FILE])).toBe(2);
    expect(host.warned.join("")).toContain("is no JSON");
  });

  it.each([
    [undefined, /there is no file \S+\n.*kubectl get machineconfigs/],
    ["null", /expected MachineConfigs, each with a name and a spec, got null/],
    ['{ "items": 1 }', /got \{"items":1\}/],
    ['{ "kind": "Pod", "metadata": { "name": "x" } }', /got Pod/],
    ['{ "items": [{ "kind": "MachineConfig", "metadata": { "name": "x" } }] }', /a spec, got MachineConfig/],
  ])("refuses %j in one sentence", async (text, reason) => {
    const host = await node();
    host.remove(FILE);
    if (text !== undefined) host.write(FILE, text);
    expect(await main(host, ["machine-configs", "--plan", "--file", FILE])).toBe(2);
    expect(host.warned.join("")).toMatch(reason);
  });
});
