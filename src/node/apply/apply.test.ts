import { describe, expect, it } from "vitest";
import { type Config, pending, plan } from "../../config/index.ts";
import { type MemoryHost, memoryHost } from "../../host/memory.ts";
import { askedFor } from "../testing.ts";
import { applySteps } from "./apply.ts";
import { observe } from "./observe.ts";

const KEYS = "/etc/ssh/authorized_keys.d";
const facts = { mode: "live", version: "1.0" };

function node(): MemoryHost {
  const host: MemoryHost = memoryHost({
    files: {
      "/etc/passwd": "rancher:x:1000:1000::/home/rancher:/bin/bash\n",
      "/etc/group": "rancher:x:1000:\n",
      "/etc/shadow": "rancher:*::\n",
      "/etc/sudoers.d/rancher": "",
      "/etc/hosts": "127.0.0.1 localhost\n",
      "/etc/environment": "",
      "/proc/sys/kernel/hostname": "none\n",
      "/proc/sys/vm/max_map_count": "65530\n",
      "/proc/mounts": "",
      "/usr/share/zoneinfo/Europe/Berlin": "TZif",
      "/bin/bash": "",
      "/dev/vdb": "",
      "/home/rancher/.profile": "",
      "/run/k3os/mode": "live\n",
    },
    programs: {
      modprobe: () => ({}),
      mkpasswd: () => ({ stdout: "$6$hash\n" }),
      sh: (argv, options) => {
        const url = argv[3] === "fetch" ? askedFor(options) : undefined;
        if (url?.includes("broken"))
          return { status: 22, stderr: "curl: (22) The requested URL returned error: 404\n" };
        if (url !== undefined)
          return { stdout: url.endsWith(".yaml") ? "kind: Remote\n" : "ssh-ed25519 AAAA remote\n" };
        return { status: argv[2] === "false" ? 1 : 0 };
      },
      mount: ([, device, path]) => {
        host.append("/proc/mounts", `${device} ${path} ext4 rw 0 0\n`);
        return {};
      },
    },
  });
  return host;
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
    expect(host.readText(`${KEYS}/rancher`)).toBe("ssh-ed25519 AAAA local\nssh-ed25519 AAAA remote\n");
    expect(host.stat("/etc/motd")).toMatchObject({ mode: 0o600, uid: 1000 });
    expect(host.readText("/proc/sys/vm/max_map_count")).toBe("262144");
    expect(host.readText("/etc/rancher/k3s/k3s-service.env")).toContain("K3S_TOKEN=t\n");
    expect(host.stat("/etc/rancher/k3s/k3s-service.env")?.mode).toBe(0o600);
    expect(host.readText("/etc/conf.d/k3s")).toContain("--node-label=a=b");
    expect((await applyAll(host, config)).steps).toEqual([]);
  });

  const keys: Config["k3os"] = {
    timezone: "Europe/Berlin",
    mounts: [{ device: "/dev/vdb", path: "/var/data" }],
    users: [{ name: "ada", ssh_authorized_keys: ["ssh-ed25519 AAAA ada", "github:ada"], sudo: true, password: "x" }],
    proxy: { http: "http://proxy:3128" },
    registries: { mirrors: { "docker.io": { endpoint: ["https://mirror"] } } },
    manifests: [
      { name: "a", content: "kind: A\n" },
      { name: "b", url: "https://host/b.yaml" },
    ],
  };

  it("does what every newer key says, once", async () => {
    const host = node();
    expect((await applyAll(host, { k3os: keys })).failures).toEqual([]);
    expect(host.readLink("/etc/localtime")).toBe("/usr/share/zoneinfo/Europe/Berlin");
    expect(host.ran).toContainEqual(["mount", "/dev/vdb", "/var/data"]);
    expect(host.readText(`${KEYS}/ada`)).toBe("ssh-ed25519 AAAA ada\nssh-ed25519 AAAA remote\n");
    expect(host.stat("/home/ada")).toMatchObject({ mode: 0o700, uid: 1001 });
    expect(host.readText("/etc/shadow")).toContain("ada:$6$hash:");
    expect(host.readText("/etc/environment")).toContain("https_proxy=http://proxy:3128\n");
    expect(host.readText("/etc/rancher/k3s/k3s-service.env")).toContain("HTTPS_PROXY=http://proxy:3128\n");
    expect(host.stat("/etc/rancher/k3s/registries.yaml")?.mode).toBe(0o600);
    expect(host.readText("/var/lib/rancher/k3s/server/manifests/a.yaml")).toBe("kind: A\n");
    expect(host.readText("/var/lib/rancher/k3s/server/manifests/b.yaml")).toBe("kind: Remote\n");
    expect((await applyAll(host, { k3os: keys })).steps).toEqual([]);
  });

  it("takes back what is no longer in the config, where that is safe", async () => {
    const host = node();
    const before = host.texts();
    await applyAll(host, {});
    await applyAll(host, { k3os: keys });
    const { steps, failures } = await applyAll(host, {});
    expect(failures).toEqual([]);
    expect(steps.map(({ kind }) => kind).sort()).toEqual([
      "k3s",
      "no-account",
      "restore",
      "restore",
      "restore",
      "restore",
    ]);
    expect(host.stat("/etc/localtime")).toBeUndefined();
    const after = host.texts();
    for (const path of ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/environment"]) {
      expect(after[path]).toBe(before[path]);
    }
    // A volume may be in use. The objects of a manifest belong to the cluster, and a home belongs to its user.
    expect(after).toHaveProperty("/var/lib/rancher/k3s/server/manifests/a.yaml");
    expect(host.stat("/home/ada")).toBeDefined();
    expect((await applyAll(host, {})).steps).toEqual([]);
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

  it("tells what cannot be fetched, and not how or with which password", async () => {
    const { failures } = await applyAll(node(), { ssh_authorized_keys: ["https://me:geheim@example.com/broken"] });
    expect(failures.map(({ reason }) => reason)).toEqual([
      "https://(hidden)@example.com/broken cannot be fetched: The requested URL returned error: 404",
    ]);
    expect(JSON.stringify(failures)).not.toContain("geheim");
  });

  it("notes for root only what was applied", async () => {
    const host = node();
    await applyAll(host, { k3os: { password: "geheim" } });
    expect(host.stat("/run/k3os/applied")?.mode).toBe(0o600);
  });

  it("writes nothing where a user may put a link", async () => {
    const host = node();
    host.mkdir("/home/ada");
    host.symlink("/etc", "/home/ada/.ssh");
    const users = [{ name: "ada", ssh_authorized_keys: ["ssh-ed25519 AAAA ada"] }];
    expect((await applyAll(host, { k3os: { users } })).failures).toEqual([]);
    expect(host.stat("/etc/authorized_keys")).toBeUndefined();
    expect(host.readLink("/home/ada/.ssh")).toBe("/etc");
  });
});
