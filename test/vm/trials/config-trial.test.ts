import { beforeAll, describe, expect, it } from "vitest";
import { fromDisk } from "../support/disks.ts";
import { eventually } from "../support/eventually.ts";
import { useMachine } from "../support/machine.ts";
import { running, stubDisk, tried } from "../support/trials.ts";

const node = useMachine("test-config-trial");

beforeAll(async () => {
  await node.start({ boot: fromDisk(), disks: [await stubDisk(node.directory)] });
  await node.reachable();
  await eventually(async () => expect(await node.node("curl -sS http://127.0.0.1:10248/healthz")).toBe("ok\n"));
});

describe("what the cluster says of the config", { timeout: 600_000 }, () => {
  /** The command that takes over these MachineConfigs as the agent does, without an API. */
  async function takingOver(...configs: readonly object[]): Promise<string> {
    const items = configs.map((config, index) => ({
      kind: "MachineConfig",
      metadata: { name: `config-${index}`, generation: 1 },
      spec: { config },
    }));
    await node.node(`cat >/tmp/configs.json <<'end'\n${JSON.stringify({ items })}\nend`);
    return "k3os machine-configs --file /tmp/configs.json";
  }

  const swappiness = () => node.node("cat /proc/sys/vm/swappiness");
  const drift = async () => JSON.parse(await node.node("sudo k3os machine-configs --drift"));
  const touches = { boot_cmd: ["touch /run/tried"] };

  it("is applied live where that is possible, and goes again", async () => {
    const before = await swappiness();
    expect(await drift()).toEqual([]);
    const config = { k3os: { sysctls: { "vm.swappiness": 7 } } };
    // In front of it, what was done.
    const said = (await node.node(`sudo ${await takingOver(config)}`)).trim().split("\n");
    expect(said.slice(0, -1)).toEqual(["set sysctl vm.swappiness = 7"]);
    expect(JSON.parse(said.at(-1) ?? "")).toEqual({ effect: "Live", failures: [] });
    expect((await swappiness()).trim()).toBe("7");
    expect(await node.node("sudo k3os config --why k3os.sysctls")).toContain("MachineConfig config-0");
    await node.node("echo 8 | sudo tee /proc/sys/vm/swappiness");
    expect(await drift()).toEqual([{ kind: "Sysctl", path: "vm.swappiness" }]);
    await node.node(`sudo ${await takingOver(config)}`);
    expect(await drift()).toEqual([]);
    await node.node(`sudo ${await takingOver()}`);
    expect(await swappiness()).toBe(before);
  });

  it("is tried by a boot of the same image where it takes one, and kept", async () => {
    const { digest = "" } = (await running(node)) ?? {};
    const { slots } = await tried(node, await takingOver(touches), { digest, result: "committed" });
    expect(slots.map((slot) => slot.digest)).toEqual([digest, digest]);
    await node.node("test -e /run/tried");
    expect(await node.node("sudo k3os status || true")).toMatch(/trial {6}config sha256:\w{12} was kept at/);
  });

  it("is taken back with its reason, and neither tried again nor is its image given up", async () => {
    const { digest = "", slot } = (await running(node)) ?? {};
    const panics = { boot_cmd: ["echo c >/proc/sysrq-trigger"] };
    const end = { digest, result: "returned" } as const;
    const { slots, last_upgrade } = await tried(node, await takingOver(touches, panics), end);
    expect(slots.find(({ running }) => running)).toMatchObject({ slot, state: "current" });
    expect(slots.find(({ running }) => !running)).toMatchObject({ state: "refused", reason: last_upgrade?.reason });
    await node.node("test -e /run/tried");
    expect(await node.node("sudo k3os status || true")).toMatch(
      /config sha256:\w{12} was given up at .*: it stopped after/,
    );
    const again = await node.ssh(`sudo ${await takingOver(touches, panics)}`);
    expect(again).toMatchObject({ status: 1, stderr: expect.stringContaining("was tried on this node and given up") });
    await node.node(`sudo ${await takingOver()}`);
    expect(await node.node("sudo k3os status || true")).not.toContain("MachineConfig");
  });
});
