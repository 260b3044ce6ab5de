import { describe, expect, it } from "vitest";
import { type MemoryHost, memoryHost } from "../../host/memory.ts";
import { withFaults } from "../../host/testing.ts";
import { removeCheckpoints } from "./kubelet.ts";

const CPU = "/var/lib/kubelet/cpu_manager_state";
const DEVICES = "/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint";
const NOTE = "/var/lib/rancher/k3os/kubelet-minor";

function node(kubernetes: unknown, last: string | undefined): MemoryHost {
  const host = memoryHost({
    files: {
      "/usr/share/k3os/image.json": JSON.stringify({ version: "1", kubernetes }),
      "/var/lib/kubelet/pki/kubelet.crt": "certificate",
      [CPU]: "{}",
      [DEVICES]: "{}",
    },
  });
  host.mkdir("/var/lib/rancher/k3os");
  if (last !== undefined) host.write(NOTE, last);
  return host;
}

const kept = (host: MemoryHost) => Object.keys(host.texts()).filter((path) => path.startsWith("/var/lib/kubelet"));

describe("removeCheckpoints", () => {
  it.each([
    ["older", "v1.37.2", "1.36\n"],
    ["newer, after a return", "v1.36.9+k3s1", "1.37\n"],
    ["unknown", "v1.37.2", undefined],
  ])("removes those of a kubelet that is %s, and nothing else", async (_, version, last) => {
    const host = node({ version }, last);
    await removeCheckpoints(host);
    expect(kept(host)).toEqual(["/var/lib/kubelet/pki/kubelet.crt"]);
    expect(host.readText(NOTE)).toBe(`${version.slice(1, 5)}\n`);
  });

  it("keeps those of the same minor", async () => {
    const host = node({ version: "v1.37.3" }, "1.37\n");
    await removeCheckpoints(host);
    expect(kept(host)).toHaveLength(3);
  });

  it("keeps all if the image does not say what it holds", async () => {
    const host = node(undefined, "1.37\n");
    await removeCheckpoints(host);
    expect(kept(host)).toHaveLength(3);
    expect(host.readText(NOTE)).toBe("1.37\n");
  });

  it("tries again at the next boot if one cannot be removed", async () => {
    const host = node({ version: "v1.37.2" }, "1.36\n");
    const broken = withFaults(host, "EIO", ({ operation, subject }) => operation === "remove" && subject === CPU).host;
    await expect(removeCheckpoints(broken)).rejects.toThrow("EIO");
    expect(host.readText(NOTE)).toBe("1.36\n");
    expect(host.stat(DEVICES)).toBeUndefined();
  });
});
