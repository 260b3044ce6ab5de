import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sha256File } from "../../../src/build/digest.ts";
import { build } from "../../../src/build/index.ts";
import { findProject } from "../../../src/build/project.ts";
import { startOciRegistry } from "../../support/oci-registry.ts";
import { testImage, writeTestImage } from "../support/container-image.ts";
import { bytesWritten, emptyDisk, fromDisk, installerMachine } from "../support/disks.ts";
import { eventually } from "../support/eventually.ts";
import { builtImage } from "../support/image.ts";
import { useMachine } from "../support/machine.ts";
import { decided, restarting, running } from "../support/trials.ts";
import { pushImage, upgradeJob } from "../support/upgrade-job.ts";

const node = useMachine("test-install");
/** Nodes reach it as registry.test. */
const registry = await startOciRegistry();
afterAll(() => registry.close());

const target = { ...emptyDisk(node.directory, "target"), bootIndex: 1 };
const other = emptyDisk(node.directory, "other", 8192);

/** The trial of this node lasts until this file is there. */
const DECIDED = "/var/lib/decided";

const config = `hostname: ${node.name}
k3os:
  token: t0p-secret
  labels: { zone: a }
  upgrade:
    unsigned: true
    stable_for: 1s
    checks: [{ name: decided, command: test -e ${DECIDED} }]
  registries: { mirrors: { registry.test: { endpoint: ["http://10.0.2.2:${registry.name.split(":")[1]}"] } } }
  install: { silent: true, device: "serial=target", power_off: true }
`;

describe("a silent installation", { timeout: 600_000 }, () => {
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
    await node.startReady({ boot: fromDisk(), disks: [target] });
    expect(await node.node("cat /run/k3os/mode")).toBe("local\n");
    expect(await node.node("sudo stat -c %a /k3os/system/config.yaml")).toBe("600\n");
    expect(await node.node("sudo cat /k3os/system/config.yaml")).toContain("token: t0p-secret");
    expect(await node.node("sudo k3os config --why k3os.labels")).toContain("/k3os/system/config.yaml");
    expect(await node.kubectl("get", "node", node.name, "-o", "jsonpath={.metadata.labels.zone}")).toBe("a");
  });
});

describe("an upgrade of the installed node by a job of the cluster", { timeout: 900_000 }, () => {
  const text = JSON.stringify({ files: [{ path: "/usr/share/next", content: "next" }] });
  let next: { readonly digest: string; readonly reference: string };
  beforeAll(async () => {
    const spec = { text, name: "next-of-install.yaml", directory: findProject() };
    const image = await build({ spec, usualFlavour: "cloud" });
    const digest = `sha256:${await sha256File(join(image.dir, "image.json"))}`;
    next = { digest, reference: `registry.test/${await pushImage(registry, image, "k3os", digest)}` };
  });

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
  /** What the pods of the job say that run. */
  const waiting = async () => {
    const running = ["--field-selector=status.phase=Running", "-o", "name"];
    const pods = await node.kubectl("get", "pods", "-l", "upgrade.cattle.io/plan=k3os-latest", ...running);
    return pods.trim() === "" ? "" : node.kubectl("logs", ...pods.trim().split("\n").slice(-1));
  };
  const write = (name: string) => node.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });
  const log = () => node.node("cat /opt/data/log");
  const written = async () => (await node.kubectl("get", "configmaps", "-o", "name")).split("\n");

  it("is kept once its node is Ready, with the objects and the data that were there; its pods had time to end", async () => {
    const archive = join(node.directory, "image.tar");
    writeTestImage(await builtImage(), archive);
    expect(await node.k3os(["image", "load", "--name", node.name, archive])).toMatchObject({ status: 0 });
    await node.apply(pod);
    await write("before");
    await eventually(async () => expect(await log()).toBe("started\n"));
    const bootId = await node.bootId();
    await node.apply(upgradeJob(next.reference, node.name));
    await node.bootAfter(bootId, 400);
    await eventually(async () => expect(await waiting()).toContain("waiting: this boot is a trial of"), 300);
    await node.node(`sudo touch ${DECIDED}`);
    await decided(node, bootId, { digest: next.digest, result: "committed", seconds: 800 });
    expect(await node.node("cat /usr/share/next")).toBe("next");
    await write("after");
    expect(await written()).toContain("configmap/before");
    await eventually(async () => expect(await log()).toBe("started\nended\nstarted\n"));
  });

  it("ends the job with the image that is kept: the pod after the restart has waited for that", async () => {
    await node.kubectl("wait", "--for=condition=Complete", "--timeout=300s", "job/apply-k3os-latest");
    const status = ["-o", "jsonpath={.status.succeeded} {.status.failed}"];
    // The restart has ended the first pod.
    expect(await node.kubectl("get", "job/apply-k3os-latest", ...status)).toBe("1 1");
    const pods = ["-l", "upgrade.cattle.io/plan=k3os-latest", "--field-selector=status.phase=Succeeded", "-o", "name"];
    const said = await node.kubectl("logs", (await node.kubectl("get", "pods", ...pods)).trim());
    expect(said).toMatch(
      /waiting: this boot is a trial of .*\n(.*\n)*.* is the image that this node keeps: nothing to do/,
    );
  });

  it("is undone by k3os rollback, with what was written since", async () => {
    const bootId = await node.bootId();
    await restarting(node, "k3os rollback");
    await node.bootAfter(bootId);
    await eventually(async () => expect(await log()).toMatch(/^(started\nended\n){2}started\n$/));
    expect(await written()).toEqual(expect.arrayContaining(["configmap/before", "configmap/after"]));
    expect(await running(node)).toMatchObject({ slot: "a", state: "current" });
    expect(await node.node("ls /usr/share/next || true")).toBe("");
    expect(await node.machine.stop({ graceMs: 60_000 })).toBe(true);
  });
});
