import { describe, expect, it } from "vitest";
import { type MemoryHost, memoryHost } from "../../host/memory.ts";
import { type Answer, type Asked, metadataService, USERDATA } from "./clouds.cases.ts";
import { readDataSources } from "./sources.ts";
import { fakeCurl } from "./testing.ts";

const DHCP = "dhcpcd";

function machine(cmdline: string, answer: (asked: Asked) => Answer | undefined = () => undefined): MemoryHost {
  const host: MemoryHost = memoryHost({
    files: {
      "/proc/cmdline": cmdline,
      "/etc/dhcpcd.conf": "",
      "/etc/runlevels/default/dhcpcd": "",
      "/run/k3os/mode": "live",
      "/opt/node.yaml": "hostname: from-file\n",
      "/sys/class/net/eth0/device": "",
      "/sys/class/dmi/id/product_uuid": "machine-1\n",
    },
    programs: { blkid: () => ({ status: 2 }), dhcpcd: () => ({}), ip: () => ({}), curl: fakeCurl(() => host, answer) },
  });
  return host;
}

/** Reads the sources and returns the one that was used; empty if there was none. */
async function read(host: MemoryHost): Promise<string> {
  await readDataSources(host, Promise.resolve());
  return host.readText("/run/k3os/data-source");
}
const programs = (host: MemoryHost) => host.ran.map(([name]) => name);

describe("readDataSources", () => {
  it("looks for a NoCloud volume when nobody says anything, and needs no network for it", async () => {
    const host = machine("quiet");
    expect(await read(host)).toBe("");
    expect(host.ran).toContainEqual(["blkid", "-L", "cidata"]);
    expect(host.stat("/run/config/userdata")).toBeUndefined();
    expect(programs(host)).not.toContain(DHCP);
  });

  it("goes on to the next source when one does not answer", async () => {
    const host = machine("k3os.data_sources=cdrom k3os.data_sources=file=/opt/node.yaml");
    expect(await read(host)).toBe("file=/opt/node.yaml");
    expect(host.readText("/run/config/userdata")).toBe("hostname: from-file\n");
    expect(host.stat("/run/config/userdata")?.mode).toBe(0o600);
  });

  it("asks nobody else once one has answered", async () => {
    const host = machine("k3os.data_sources=file=/opt/node.yaml k3os.data_sources=aws");
    await read(host);
    expect(host.ran).toEqual([]);
  });

  it("brings the network up once, for the first cloud", async () => {
    const service = metadataService();
    const host = machine("k3os.data_sources=hetzner k3os.data_sources=aws", (asked) =>
      asked.url.pathname.startsWith("/latest/") ? service(asked) : undefined,
    );
    expect(await read(host)).toBe("aws");
    expect(programs(host)).toEqual([DHCP, "curl", "curl", "curl"]);
    expect(host.readText("/run/config/userdata")).toBe(USERDATA);
    expect(host.readText("/run/config/local_hostname")).toBe("ip-10-0-0-5.ec2.internal\n");
    for (const name of ["userdata", "local_hostname", "ssh/authorized_keys"])
      expect(host.stat(`/run/config/${name}`)?.mode).toBe(0o600);
    expect(host.stat("/run/config")?.mode).toBe(0o700);
  });

  it("asks from the address that the machine knows already", async () => {
    const cmdline = "k3os.data_sources=aws k3os.network.ethernets[eth0].addresses=10.0.0.5/24";
    const service = metadataService();
    const host = machine(cmdline, service);
    host.write("/sys/class/net/eth0/address", "52:54:00:00:00:01\n");
    expect(await read(host)).toBe("aws");
    expect(programs(host)).toEqual(["ip", "curl", "curl"]);
  });

  describe("when a cloud does not answer any more", () => {
    const offline = async (change: (host: MemoryHost) => void) => {
      let online = true;
      const service = metadataService();
      const host = machine("k3os.data_sources=aws", (asked) => (online ? service(asked) : undefined));
      await read(host);
      online = false;
      host.remove("/run/config");
      change(host);
      return { used: await read(host), host };
    };

    it("uses what it said at an earlier boot, kept for root only", async () => {
      const { used, host } = await offline(() => {});
      expect(used).toBe("aws (of an earlier boot)");
      expect(host.readText("/run/config/userdata")).toBe(USERDATA);
      expect(host.stat("/var/lib/rancher/k3os/data-source")?.mode).toBe(0o700);
      expect(host.stat("/var/lib/rancher/k3os/data-source/userdata")?.mode).toBe(0o600);
    });

    it("uses nothing of another machine's, or of a source that is not named any more", async () => {
      const moved = await offline((host) => host.write("/sys/class/dmi/id/product_uuid", "machine-2\n"));
      expect(moved.used).toBe("");
      const renamed = await offline((host) => host.write("/proc/cmdline", "k3os.data_sources=gcp"));
      expect(renamed.used).toBe("");
      expect(renamed.host.stat("/run/config/userdata")).toBeUndefined();
    });
  });
});
