import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { build } from "../../../src/build/index.ts";
import { findProject } from "../../../src/build/project.ts";
import { testImage, writeTestImage } from "../support/container-image.ts";
import { bytesWritten, emptyDisk, fromDisk, installerMachine } from "../support/disks.ts";
import { eventually } from "../support/eventually.ts";
import { useMachine } from "../support/machine.ts";
import { type Release, restarting, running, served, tried } from "../support/trials.ts";

const node = useMachine("test-install");
const target = { ...emptyDisk(node.directory, "target"), bootIndex: 1 };
const other = emptyDisk(node.directory, "other", 8192);

const config = `hostname: ${node.name}
k3os:
  token: t0p-secret
  labels: { zone: a }
  upgrade: { unsigned: true, stable_for: 1s }
  install: { silent: true, device: "serial=target", power_off: true }
`;

describe("a silent installation", { timeout: 420_000 }, () => {
  it("writes the disk that the selector means, shows no secret, and switches off", async () => {
    const machine = await node.start({ ...(await installerMachine([other, target])), config });
    await node.poweredOff(300_000);
    const console = machine.serial.text();
    expect(console).toMatch(/Disk {5}\/dev\/vd\w, 4\.3 GB \(virtio, serial target\)/);
    expect(console).toContain("k3OS is installed on /dev/vd");
    expect(console).not.toContain("t0p-secret");
    expect(bytesWritten(other)).toBe(0);
  });

  it("boots by BIOS to a Ready node that is configured as it was told", async () => {
    await node.startReady({ boot: fromDisk("bios"), disks: [target] });
    expect(await node.node("cat /run/k3os/mode")).toBe("local\n");
    expect(await node.node("sudo stat -c %a /k3os/system/config.yaml")).toBe("600\n");
    expect(await node.node("sudo cat /k3os/system/config.yaml")).toContain("token: t0p-secret");
    expect(await node.node("sudo k3os config --why k3os.labels")).toContain("/k3os/system/config.yaml");
    expect(await node.kubectl("get", "node", node.name, "-o", "jsonpath={.metadata.labels.zone}")).toBe("a");
  });
});

describe("an upgrade of the installed node", { timeout: 900_000 }, () => {
  const text = JSON.stringify({ files: [{ path: "/usr/share/next", content: "next" }] });
  let next: Release;
  beforeAll(async () => {
    const spec = { text, name: "next-of-install.yaml", directory: findProject() };
    next = await served(await build({ spec, usualKernel: "metal" }));
  });
  afterAll(() => next?.close());

  const ending = "sleep 8; echo ended >>/data/log; exit";
  /** Adds a line to a file of the node when it has started, and another one if it is given time to end. */
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "writer" },
    spec: {
      terminationGracePeriodSeconds: 30,
      containers: [
        {
          name: "writer",
          image: testImage,
          imagePullPolicy: "Never",
          command: ["/bin/sh", "-c", `trap "${ending}" TERM; echo started >>/data/log; while true; do sleep 1; done`],
          volumeMounts: [{ name: "data", mountPath: "/data" }],
        },
      ],
      volumes: [{ name: "data", hostPath: { path: "/opt/data", type: "DirectoryOrCreate" } }],
    },
  };
  const write = (name: string) => node.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });
  const log = () => node.node("cat /opt/data/log");
  const written = async () => (await node.kubectl("get", "configmaps", "-o", "name")).split("\n");

  it("is kept once its node is Ready, with the objects and the data that were there; its pods had time to end", async () => {
    const archive = join(node.directory, "image.tar");
    writeTestImage(node.machine.tools, archive);
    expect(await node.k3os(["image", "load", "--name", node.name, archive])).toMatchObject({ status: 0 });
    await node.apply(pod);
    await write("before");
    await eventually(async () => expect(await log()).toBe("started\n"));
    await tried(node, `k3os upgrade ${next.url}`, { digest: next.digest, result: "committed", seconds: 600 });
    expect(await node.node("cat /usr/share/next")).toBe("next");
    await write("after");
    expect(await written()).toContain("configmap/before");
    await eventually(async () => expect(await log()).toBe("started\nended\nstarted\n"));
  });

  it("is undone by k3os rollback, with what was written since", async () => {
    const bootId = await node.bootId();
    await restarting(node, "k3os rollback");
    await node.bootAfter(bootId);
    await eventually(async () => expect(await log()).toMatch(/^(started\nended\n){2}started\n$/), 200);
    expect(await written()).toEqual(expect.arrayContaining(["configmap/before", "configmap/after"]));
    expect(await running(node)).toMatchObject({ slot: "a", state: "current" });
    expect(await node.node("ls /usr/share/next || true")).toBe("");
    expect(await node.machine.stop({ graceMs: 60_000 })).toBe(true);
  });
});
