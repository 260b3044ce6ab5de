import { describe, expect, it } from "vitest";
import type { Step } from "../../config/index.ts";
import { memoryHost } from "../../host/memory.ts";
import { applySteps } from "../apply/apply.ts";

const step: Step = { phase: "boot", kind: "wifi", networks: [{ name: "home", passphrase: "correct horse" }] };
const CONF = "/etc/wpa_supplicant/k3os.conf";
const able = { "/usr/sbin/wpa_supplicant": "" };

function machine(files: Record<string, string>) {
  const host = memoryHost({ files, programs: { "rc-service": () => ({}) } });
  for (const directory of ["/etc/init.d", "/etc/runlevels/default", "/run/k3os"]) host.mkdir(directory);
  return host;
}

describe("the step wifi", () => {
  it("writes the networks for root alone, and has the service started with the others", async () => {
    const host = machine(able);
    expect(await applySteps(host, [step], "boot")).toEqual([]);
    expect(host.readText(CONF)).toContain('psk="correct horse"');
    expect(host.stat(CONF)?.mode).toBe(0o600);
    expect(host.readLink("/etc/runlevels/default/wpa_supplicant")).toBe("/etc/init.d/wpa_supplicant");
    expect(host.ran).toEqual([]);
  });

  it("joins at once on a node that runs", async () => {
    const host = machine({ ...able, "/run/openrc/softlevel": "default" });
    await applySteps(host, [step], "boot");
    expect(host.ran).toEqual([["rc-service", "wpa_supplicant", "restart"]]);
  });

  it("says what an image lacks, without the passphrase, and writes nothing", async () => {
    const host = machine({});
    const failures = await applySteps(host, [step], "boot");
    expect(failures).toEqual([
      { step: "join the Wi-Fi networks home", reason: expect.stringContaining("the flavour `metal`") },
    ]);
    expect(host.stat(CONF)).toBeUndefined();
    expect(JSON.stringify(failures)).not.toContain("horse");
  });
});
