import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { restoreSysctl, setSysctl, valuesBefore } from "./set-sysctls.ts";

const PATH = "/proc/sys/vm/swappiness";
const machine = () => memoryHost({ files: { "/run/k3os/mode": "live\n", [PATH]: "60\n" } });

describe("a sysctl that a step set", () => {
  it("goes back to what it was, however often it was set", () => {
    const host = machine();
    setSysctl(host, "vm.swappiness", "1");
    setSysctl(host, "vm.swappiness", "2");
    expect(valuesBefore(host)).toEqual({ "vm.swappiness": "60" });
    restoreSysctl(host, "vm.swappiness", "60");
    expect(host.readText(PATH)).toBe("60");
    expect(valuesBefore(host)).toEqual({});
  });

  it("stays once somebody else has set it", () => {
    const host = machine();
    setSysctl(host, "vm.swappiness", "1");
    host.poke(PATH, "7");
    expect(valuesBefore(host)).toEqual({});
    setSysctl(host, "vm.swappiness", "2");
    expect(valuesBefore(host)).toEqual({ "vm.swappiness": "7" });
  });

  it("goes back to what it was first, after a repair, too", () => {
    const host = machine();
    setSysctl(host, "vm.swappiness", "1");
    host.poke(PATH, "7");
    setSysctl(host, "vm.swappiness", "1");
    expect(valuesBefore(host)).toEqual({ "vm.swappiness": "60" });
  });
});
