import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { ensureNodeName } from "../node-name.ts";
import { restoreIdentity } from "./identity.ts";

const kept = "/var/lib/rancher/k3os";

/** Simulates a boot: `/etc` is as in the image, `/var` as earlier boots left it. */
function boot(persistent: Record<string, string> = {}, uuid = "11111111-2222-4333-8444-555555555555") {
  const host = memoryHost({
    files: { "/proc/sys/kernel/random/uuid": `${uuid}\n`, "/etc/machine-id": "", ...persistent },
  });
  host.mkdir("/etc/ssh");
  return host;
}

describe("identity", () => {
  it("is made once and the same at the next boot", async () => {
    const first = boot();
    await restoreIdentity(first);
    expect(first.readText("/etc/machine-id")).toBe("11111111222243338444555555555555\n");
    const second = boot({ [`${kept}/machine-id`]: first.readText(`${kept}/machine-id`) }, "another");
    await restoreIdentity(second);
    expect(second.readText("/etc/machine-id")).toBe(first.readText("/etc/machine-id"));
  });

  it("brings back host keys, but none that somebody else put there", async () => {
    const host = boot({
      [`${kept}/ssh/ssh_host_ed25519_key`]: "kept",
      [`${kept}/ssh/ssh_host_rsa_key`]: "kept",
      [`${kept}/ssh/new`]: "half made",
      "/etc/ssh/ssh_host_rsa_key": "of the image",
    });
    await restoreIdentity(host);
    expect(host.readText("/etc/ssh/ssh_host_ed25519_key")).toBe("kept");
    expect(host.readText("/etc/ssh/ssh_host_rsa_key")).toBe("of the image");
    expect(host.stat("/etc/ssh/new")).toBeUndefined();
  });

  it("keeps what Kubernetes writes to /etc/rancher/node, readable for root only", async () => {
    const host = boot();
    await restoreIdentity(host);
    host.write("/etc/rancher/node/password", "x");
    expect(host.readText(`${kept}/node/password`)).toBe("x");
    expect(host.stat(`${kept}/node`)?.mode).toBe(0o700);
  });

  it("stays the same node under another host name", async () => {
    const host = boot();
    await restoreIdentity(host);
    ensureNodeName(host, "Edge-1");
    ensureNodeName(host, "edge-2");
    expect(host.readText(`${kept}/node-name`)).toBe("edge-1\n");
  });
});
