import { beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { useMachine } from "../support/machine.ts";
import { useNetboot } from "../support/netboot.ts";

const node = useMachine("test-netboot");
const serveSet = useNetboot(node);

// Its memory holds the root, too.
describe("a machine that boots over the network", () => {
  beforeAll(async () => {
    await node.startReady({ boot: (await serveSet()).boot, config: `hostname: ${node.name}\n` });
  });

  it("becomes a Ready node from the root that its initrd has fetched", async () => {
    expect(await node.node("cat /proc/cmdline")).toMatch(
      /k3os\.root=http:\/\/10\.0\.2\.2:\d+\/root\.squashfs BOOTIF=01-52-54-00-/,
    );
    expect(node.machine.serial.text()).toMatch(/k3os: fetching http:\/\/10\.0\.2\.2:\d+\/root\.squashfs through eth0/);
    expect(await node.node("cat /run/k3os/mode")).toBe("live\n");
  });

  it("has the address that dhcpcd got, and no other", async () => {
    const addresses = await node.node(
      "ip -4 -oneline address show dev eth0 | wc -l; ps -o args | grep -c [u]dhcpc || true",
    );
    expect(addresses).toBe("1\n0\n");
  });

  it("switches off in order when somebody types poweroff", async () => {
    await node.machine.ssh("sudo poweroff");
    await eventually(async () => expect(node.machine.state).not.toBe("running"));
    expect(node.machine.serial.text()).toContain("Starting shutdown runlevel");
  });
});
