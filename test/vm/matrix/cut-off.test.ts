import { beforeAll, expect, it } from "vitest";
import type { Machine } from "../../../src/kubernetes/machine.ts";
import { fromDisk, rawDisk } from "../support/disks.ts";
import { eventually } from "../support/eventually.ts";
import { useMachine } from "../support/machine.ts";

const node = useMachine("test-cut-off");
const settings = "k3os: { upgrade: { unsigned: true, stable_for: 1s, deadline: 2m } }\n";
/** This host has an address that no network has, and this node none that any has (RFC 5737). */
const cutOff = { ethernets: { eth0: { dhcp4: false, addresses: ["192.0.2.1/32"] } } };

beforeAll(async () => {
  await node.startReady({ boot: fromDisk(), disks: [await rawDisk(node.directory, { config: settings })] });
});

it("a node takes back a MachineConfig that cuts it off, and says so", { timeout: 900_000 }, async () => {
  const conditions = async () => {
    const machine: Machine = JSON.parse(await node.kubectl("get", "km", node.name, "-o", "json"));
    return machine.status?.conditions ?? [];
  };
  const bootId = await node.bootId();
  await node.apply({
    apiVersion: "k3os.io/v1alpha1",
    kind: "MachineConfig",
    metadata: { name: "30-cut-off" },
    spec: { config: { k3os: { network: cutOff } } },
  });
  await node.bootAfter(bootId, 500);
  await eventually(async () => {
    const message = expect.stringContaining("given up");
    expect(await conditions()).toContainEqual(expect.objectContaining({ type: "Stalled", status: "True", message }));
  }, 350);
  await node.kubectl("delete", "kmc", "30-cut-off");
  await eventually(async () => {
    const ready = { type: "Ready", status: "True", reason: "UpToDate" };
    expect(await conditions()).toContainEqual(expect.objectContaining(ready));
  }, 300);
});
