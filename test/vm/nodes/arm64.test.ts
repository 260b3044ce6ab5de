import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { build } from "../../../src/build/index.ts";
import { testImage, writeTestImage } from "../support/container-image.ts";
import { useMachine } from "../support/machine.ts";

const name = "test-arm64";
const node = useMachine(name);

describe("a machine with ARM processors, built and emulated wherever this runs", { timeout: 600_000 }, () => {
  beforeAll(async () => {
    await node.up(["--arch", "arm64", "--disk", "4G", "--timeout", "900"]);
  });

  it("is Ready from a disk that UEFI and GRUB have booted", async () => {
    expect(await node.node("uname -m; ls -d /sys/firmware/efi")).toBe("aarch64\n/sys/firmware/efi\n");
    expect(await node.node("cat /proc/cmdline")).toMatch(
      / k3os\.slot=a gpt console=tty0 console=ttyAMA0,115200 quiet\n$/,
    );
    expect(JSON.parse(await node.node("cat /usr/share/k3os/image.json"))).toMatchObject({ architecture: "arm64" });
    expect(await node.kubectl("get", "nodes", "-o", "jsonpath={.items[*].status.nodeInfo.architecture}")).toBe("arm64");
  });

  it("has a login on its serial port", async () => {
    expect(await node.node("ls /etc/runlevels/default | grep ^console")).toBe("console.tty1\nconsole.ttyAMA0\n");
  });

  it("runs pods", async () => {
    const archive = join(node.directory, "image.tar");
    writeTestImage(await build({ architecture: "arm64" }), archive);
    expect(await node.k3os(["image", "load", "--name", name, archive])).toMatchObject({ status: 0 });
    const container = { name: "web", image: testImage, imagePullPolicy: "Never", args: ["-c", "uname -m; sleep 3600"] };
    const spec = { terminationGracePeriodSeconds: 1, containers: [container] };
    await node.apply({ apiVersion: "v1", kind: "Pod", metadata: { name: "web" }, spec });
    await node.kubectl("wait", "--for=condition=Ready", "pod/web", "--timeout=180s");
    expect(await node.kubectl("logs", "web")).toBe("aarch64\n");
  });

  it("refuses an image for another processor", async () => {
    const { dir } = await build({ architecture: "amd64" });
    const { status, stderr } = await node.k3os(["upgrade", "--name", name, "--image", dir]);
    expect(status).not.toBe(0);
    expect(stderr).toContain("is an image for amd64, and this machine is arm64");
  });

  it("is switched off by its power button", async () => {
    expect((await node.k3os(["down", "--name", name])).status).toBe(0);
    expect(node.machine.serial.text()).toContain("reboot: Power down");
  });
});
