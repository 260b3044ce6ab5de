import { describe, expect, it } from "vitest";
import { type Config, pending, plan } from "../../config/index.ts";
import { type MemoryHost, memoryHost } from "../../host/memory.ts";
import { applySteps } from "./apply.ts";
import { observe } from "./observe.ts";

const facts = { mode: "live", version: "1.0" };

function node(): MemoryHost {
  return memoryHost({
    files: {
      "/etc/passwd": "rancher:x:1000:1000::/home/rancher:/bin/bash\n",
      "/etc/group": "rancher:x:1000:\n",
      "/etc/shadow": "rancher:*::\n",
      "/etc/hosts": "127.0.0.1 localhost\n",
      "/etc/environment": "",
      "/proc/sys/kernel/hostname": "none\n",
      "/proc/sys/vm/max_map_count": "65530\n",
      "/run/k3os/mode": "live\n",
    },
    programs: {
      modprobe: () => ({}),
      mkpasswd: () => ({ stdout: "$6$hash\n" }),
      sh: (argv) => ({ status: argv[2] === "false" ? 1 : 0 }),
      curl: () => ({ stdout: "ssh-ed25519 AAAA remote\n" }),
    },
  });
}

async function applyAll(host: MemoryHost, config: Config) {
  const steps = pending(plan(config, facts), observe(host));
  const failures = [];
  for (const phase of ["init", "boot", "runtime"] as const) failures.push(...(await applySteps(host, steps, phase)));
  return { steps, failures };
}

describe("applySteps", () => {
  it("does everything once: the plan of a node that is up to date is empty", async () => {
    const host = node();
    const config: Config = {
      hostname: "a",
      ssh_authorized_keys: ["ssh-ed25519 AAAA local", "github:me"],
      write_files: [{ path: "/etc/motd", content: "hi\n", permissions: "0600", owner: "rancher" }],
      boot_cmd: ["true"],
      run_cmd: ["true"],
      k3os: {
        password: "secret",
        sysctls: { "vm.max_map_count": "262144" },
        environment: { HTTP_PROXY: "http://proxy:3128" },
        dns_nameservers: ["1.1.1.1"],
        ntp_servers: ["time.example"],
        token: "t",
        labels: { a: "b" },
      },
    };
    expect((await applyAll(host, config)).failures).toEqual([]);
    expect(host.readText("/proc/sys/kernel/hostname").trim()).toBe("a");
    expect(host.readText("/etc/hosts")).toContain("127.0.1.1 a\n");
    expect(host.readText("/etc/shadow")).toBe("rancher:$6$hash::\n");
    expect(host.readText("/home/rancher/.ssh/authorized_keys")).toBe(
      "ssh-ed25519 AAAA local\nssh-ed25519 AAAA remote\n",
    );
    expect(host.stat("/home/rancher/.ssh")).toMatchObject({ mode: 0o700, uid: 1000 });
    expect(host.stat("/etc/motd")).toMatchObject({ mode: 0o600, uid: 1000 });
    expect(host.readText("/proc/sys/vm/max_map_count")).toBe("262144");
    expect(host.readText("/etc/rancher/k3s/k3s-service.env")).toContain("K3S_TOKEN=t\n");
    expect(host.stat("/etc/rancher/k3s/k3s-service.env")?.mode).toBe(0o600);
    expect(host.readText("/etc/conf.d/k3s")).toContain("--node-label=a=b");
    expect((await applyAll(host, config)).steps).toEqual([]);
  });

  it("goes on after a failure, but ends a list of commands at its first", async () => {
    const host = node();
    const { failures } = await applyAll(host, {
      boot_cmd: ["true", "false", "never"],
      run_cmd: ["true"],
      k3os: { sysctls: { "no.such": "1" } },
    });
    expect(failures.map(({ reason }) => reason)).toEqual(["this kernel has no sysctl no.such", "ended with status 1"]);
    const commands = host.ran.filter(([program]) => program === "sh").map((argv) => argv[2]);
    expect(commands).toEqual(["true", "false", "true"]);
  });

  it("keeps secrets out of what it reports", async () => {
    const host = node();
    host.remove("/etc/shadow");
    const { failures } = await applyAll(host, { k3os: { password: "geheim" } });
    expect(failures).toHaveLength(1);
    expect(JSON.stringify(failures)).not.toContain("geheim");
  });
});
