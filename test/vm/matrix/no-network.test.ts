import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitReady } from "../../../src/vm/ready.ts";
import { eventually } from "../support/eventually.ts";
import { type TestMachine, useMachine } from "../support/machine.ts";
import { startTimeServer } from "../support/time-server.ts";

const bare = useMachine("test-no-card");
const node = useMachine("test-no-network");

const time = await startTimeServer();
afterAll(() => time.close());

/** Logs in on the console, as there is no other way. Returns what types a command there and returns what it printed. */
function useConsole(node: TestMachine) {
  beforeAll(async () => {
    const { serial } = node.machine;
    await serial.expect("login: ", { timeoutMs: 120_000 });
    await serial.send("rancher\n");
    await serial.expect(/\$ $/);
  });
  let commands = 0;
  return async (command: string, timeoutMs = 60_000): Promise<string> => {
    const { serial } = node.machine;
    // What is typed is printed, too; the quotes keep it apart from what the command prints.
    const mark = ++commands;
    await serial.send(`echo BEG''IN ${mark}; ${command}; echo E''ND ${mark}\n`);
    const wanted = new RegExp(`^BEGIN ${mark}\\n([\\s\\S]*?)^END ${mark}$`, "m");
    const [, printed = ""] = await serial.expect(wanted, { timeoutMs });
    return printed;
  };
}

async function becomesReady(typed: ReturnType<typeof useConsole>): Promise<void> {
  const ready = "sudo k3s kubectl wait --for=condition=Ready node --all --timeout=5s";
  await typed(`until ${ready} >/dev/null 2>&1; do sleep 1; done`, 300_000);
  const address = "{.items[0].status.addresses[0].address}";
  expect(await typed(`sudo k3s kubectl get nodes -o jsonpath='${address}'; echo`)).toContain("203.0.113.254");
}

async function setCable(up: boolean): Promise<void> {
  const qmp = await node.machine.qmp();
  await qmp.execute("set_link", { name: "net", up });
  qmp.close();
}

// Both start at once: each waits half a minute for a network that does not come, and needs no processor meanwhile.
beforeAll(async () => {
  const config = `
write_files:
  - path: /etc/chrony/sources.d/k3os.sources
    content: |
      server 10.0.2.2 port ${time.port} iburst
`;
  await bare.start({ nics: [] });
  await node.start({ config, clock: "1970-01-01T00:00:00", cpus: 2 });
  await setCable(false);
});

describe("a machine without any network card", () => {
  const typed = useConsole(bare);

  it("becomes Ready, with an address of its own", async () => {
    await becomesReady(typed);
    expect(await typed("ls -d /sys/class/net/*/device 2>/dev/null || echo none")).toContain("none");
    await bare.cut();
  }, 600_000);
});

// Its clock begins in 1970, too.
describe("a machine whose cable is out", () => {
  const typed = useConsole(node);

  describe("a node without any network and with a clock in 1970", () => {
    it("becomes Ready, with an address of its own", () => becomesReady(typed), 420_000);

    it("believes that it is not earlier than its image", async () => {
      expect(await typed('test "$(date +%s)" -gt "$(stat -c %Y /usr/share/k3os/image.json)" && echo later')).toContain(
        "later",
      );
    });

    it("has no certificate that is not valid yet", async () => {
      expect(
        await typed("sudo grep -c 'x509: certificate has expired or is not yet valid' /var/log/k3s-service.log"),
      ).toMatch(/^0$/m);
    });
  });

  describe("when its network comes", () => {
    it("takes its real address, and is reached under it", async () => {
      await setCable(true);
      await waitReady(node.machine, { timeoutMs: 240_000 });
      const address = async () => {
        const nodes = JSON.parse(await node.kubectl("get", "nodes", "-o", "json"));
        expect(nodes.items[0].status.addresses).toContainEqual({ type: "InternalIP", address: "10.0.2.15" });
      };
      await eventually(address, 300);
      expect((await node.ssh("ip link show k3os0")).status).not.toBe(0);
    }, 600_000);

    it("has the time of its server", async () => {
      expect(await node.node("sudo chronyc -n waitsync 60 0 0 1 >/dev/null && echo set")).toBe("set\n");
      const clock = Number(await node.node("date +%s"));
      expect(Math.abs(clock - Date.now() / 1000)).toBeLessThan(30);
      expect(await node.node("sudo grep -c 'x509: certificate has expired' /var/log/k3s-service.log || true")).toBe(
        "0\n",
      );
    });

    it("asks the time servers that DHCP names, too", async () => {
      // What dhcpcd does with a lease that has option 42; QEMU's has none.
      const lease =
        "if_configured=true if_up=true if_down=false ifname=eth0.dhcp new_ntp_servers='10.0.2.200 10.0.2.201'";
      await node.node(`sudo sh -c "${lease}; . /usr/lib/dhcpcd/dhcpcd-hooks/60-chrony"`);
      expect(await node.node("sudo chronyc -n sources | grep -c -E '10\\.0\\.2\\.20[01] '")).toBe("2\n");
    });
  });
});
