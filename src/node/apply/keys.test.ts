import { describe, expect, it } from "vitest";
import { pending, plan } from "../../config/index.ts";
import { memoryHost } from "../../host/memory.ts";
import { askedFor } from "../testing.ts";
import { applySteps } from "./apply.ts";
import { observe } from "./observe.ts";

const OWN = "/home/rancher/.ssh/authorized_keys";
const OF_CONFIG = "/etc/ssh/authorized_keys.d/rancher";
const [A, B] = ["ssh-ed25519 AAAA a", "ssh-ed25519 AAAA b"];

function node() {
  const answers: Record<string, string> = {
    "https://github.com/me.keys": "ssh-ed25519 AAAA me\n",
    "https://github.com/you.keys": "ssh-rsa AAAA you1\nssh-rsa AAAA you2\n",
  };
  const host = memoryHost({
    files: {
      "/etc/passwd": "rancher:x:1000:1000::/home/rancher:/bin/bash\n",
      "/etc/group": "rancher:x:1000:\n",
      "/etc/environment": "",
      "/run/k3os/mode": "local\n",
      "/proc/sys/kernel/hostname": "a\n",
      [OWN]: "ssh-ed25519 AAAA by-hand\n",
    },
    programs: {
      sh: (_, options) => {
        const url = askedFor(options);
        return url in answers
          ? { stdout: answers[url] ?? "" }
          : { status: 6, stderr: "curl: (6) Could not resolve host\n" };
      },
    },
  });
  host.chown("/home/rancher", "1000:1000");
  /** Applies a config with these keys, and returns what sshd reads of it. */
  const apply = async (...keys: string[]) => {
    const steps = pending(plan({ ssh_authorized_keys: keys }, { mode: "local", version: "1" }), observe(host));
    const failures = [];
    for (const phase of ["boot", "runtime"] as const) failures.push(...(await applySteps(host, steps, phase)));
    return { failures, keys: host.stat(OF_CONFIG) && host.readText(OF_CONFIG).trim().split("\n") };
  };
  return { host, answers, apply };
}

/** Simulates the next boot: /etc and /run start afresh. */
function reboot(host: ReturnType<typeof node>["host"]): void {
  for (const path of ["/etc/ssh", "/run/k3os/written.json", "/run/k3os/applied"]) host.remove(path);
}

describe("the keys of a config", () => {
  it("are sshd's to read, and leave with the config; those in a home are its user's", async () => {
    const { host, apply } = node();
    expect(await apply(A, B)).toEqual({ failures: [], keys: [A, B] });
    expect(host.stat(OF_CONFIG)).toMatchObject({ mode: 0o644, uid: 0 });
    expect((await apply(B)).keys).toEqual([B]);
    expect((await apply()).keys).toBeUndefined();
    expect(host.readText(OWN)).toBe("ssh-ed25519 AAAA by-hand\n");
  });

  it("are fetched, and leave with their source", async () => {
    const { apply } = node();
    const both = ["ssh-ed25519 AAAA me", "ssh-rsa AAAA you1", "ssh-rsa AAAA you2"];
    expect(await apply(A, "github:me", "github:you")).toEqual({ failures: [], keys: [A, ...both] });
    expect((await apply(A, "github:you")).keys).toEqual([A, "ssh-rsa AAAA you1", "ssh-rsa AAAA you2"]);
    expect((await apply(A)).keys).toEqual([A]);
  });

  it("follow their source, and stay what they were when it does not answer", async () => {
    const { host, answers, apply } = node();
    await apply("github:me", "github:you");
    reboot(host);
    answers["https://github.com/me.keys"] = "ssh-ed25519 AAAA new\n";
    answers["https://github.com/you.keys"] = "";
    const { failures, keys } = await apply("github:me", "github:you");
    expect(keys).toEqual(["ssh-ed25519 AAAA new", "ssh-rsa AAAA you1", "ssh-rsa AAAA you2"]);
    expect(failures).toMatchObject([{ reason: "https://github.com/you.keys has no ssh keys" }]);
  });

  it("let in at a boot without network whom they let in before", async () => {
    const { host, apply } = node();
    await apply(A, "github:me");
    reboot(host);
    const steps = plan({ ssh_authorized_keys: [A, "github:me"] }, { mode: "local", version: "1" });
    await applySteps(host, pending(steps, observe(host)), "boot");
    expect(host.readText(OF_CONFIG)).toBe(`${A}\nssh-ed25519 AAAA me\n`);
  });

  it("are refused for nobody", async () => {
    const { host, apply } = node();
    host.write("/etc/passwd", "");
    expect((await apply(A)).failures).toMatchObject([{ reason: "there is no user rancher" }]);
  });
});
