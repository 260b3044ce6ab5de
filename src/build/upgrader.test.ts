import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeImage } from "../../test/support/images.ts";
import { findProject } from "./project.ts";

const PRIVILEGED = "000001ffffffffff";
const ORDINARY = "00000000a80425fb";

/** What the command of old k3OS is given by its Plan. */
const OLD = [
  ...["--debug", "upgrade", "--kernel", "--rootfs", "--remount", "--sync", "--reboot"],
  ...["--lock-file=/host/run/k3os/upgrade.lock", "--source=/k3os/system", "--destination=/host/k3os/system"],
];

describe("the command of the container image, by this machine's sh", () => {
  let root: string;
  let script: string;
  const write = (path: string, content: string, mode = 0o644) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content, { mode });
  };
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "k3os-upgrader-"));
    const source = readFileSync(join(findProject(), "os/container/bin/k3os"), "utf8");
    script = join(root, "bin/k3os");
    write(
      "bin/k3os",
      source.replaceAll("/proc/", `${root}/proc/`).replaceAll("=/k3os/system\n", `=${root}/k3os/system\n`),
    );
    writeImage(join(root, "k3os/system"), { vmlinuz: "", initrd: "", "root.squashfs": "" });
    write("proc/2/comm", "kthreadd\n");
    write("proc/self/status", `Name:\tsed\nCapEff:\t${PRIVILEGED}\nSeccomp:\t0\n`);
    write("proc/1/root/usr/share/k3os/image.json", "{}");
    nsenter("exit 0");
  });
  afterEach(() => rmSync(root, { recursive: true }));

  /** What happens in the place of the node's k3os. */
  const nsenter = (end: string) =>
    write(
      "bin/nsenter",
      `#!/bin/sh\nprintf '%s\\n' "$@" "K3OS_UPGRADE_SOURCE=$K3OS_UPGRADE_SOURCE" >${root}/asked\n${end}\n`,
      0o755,
    );
  const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const PATH = `${join(root, "bin")}:${process.env.PATH}`;
    const { status, stdout, stderr } = spawnSync("sh", [script, ...args], { env: { PATH, ...env }, encoding: "utf8" });
    return { status, stdout, stderr };
  };
  /** The command line that the node was asked to run; the number of the process is any. */
  const asked = () =>
    readFileSync(join(root, "asked"), "utf8")
      .trim()
      .split("\n")
      .map((word) => word.replaceAll(root, "").replace(/\/proc\/\d+\//, "/proc/PID/"));

  const enter = ["-t", "1", "-m", "-u", "-i", "-n", "/usr/bin/k3os", "upgrade", "--wait"];

  it("has the node upgrade itself to the files of the container, with the options of old k3OS", () => {
    expect(run(OLD.map((word) => word.replace("=/k3os/system", `=${root}/k3os/system`)))).toMatchObject({ status: 0 });
    expect(asked()).toEqual([
      ...enter,
      "--source=/proc/PID/root/k3os/system",
      ...["--kernel", "--rootfs", "--remount", "--sync", "--reboot"],
      ...["--lock-file=/host/run/k3os/upgrade.lock", "--destination=/host/k3os/system"],
      "K3OS_UPGRADE_SOURCE=",
    ]);
  });

  it("takes the source as a word of its own, from the variable, or where the image is", () => {
    const images = join(root, "other");
    writeImage(images, { vmlinuz: "", initrd: "", "root.squashfs": "" });
    run(["upgrade", "--source", images, "--reboot"]);
    expect(asked().slice(enter.length)).toEqual(["--source=/proc/PID/root/other", "--reboot", "K3OS_UPGRADE_SOURCE="]);
    run(["upgrade"], { K3OS_UPGRADE_SOURCE: images });
    expect(asked().slice(enter.length)).toEqual(["--source=/proc/PID/root/other", "K3OS_UPGRADE_SOURCE="]);
    run(["upgrade", "a word with spaces", "$(id)"]);
    expect(asked().slice(enter.length)).toEqual([
      "--source=/proc/PID/root/k3os/system",
      ...["a word with spaces", "$(id)"],
      "K3OS_UPGRADE_SOURCE=",
    ]);
  });

  it("ends as the upgrade of the node does", () => {
    nsenter("echo given up >&2; exit 1");
    expect(run(["upgrade"])).toEqual({ status: 1, stdout: "", stderr: "given up\n" });
  });

  it("passes on that it is to end, and waits until the upgrade has ended", () => {
    nsenter("trap 'exit 7' TERM; kill -TERM $PPID; while :; do :; done");
    expect(run(["upgrade"]).status).toBe(7);
  });

  it("tells its version, and how it is used", () => {
    expect(run(["--version"])).toEqual({ status: 0, stdout: "k3os version 0.31.0\n", stderr: "" });
    expect(run(["--debug", "--version"]).stdout).toBe("k3os version 0.31.0\n");
    for (const args of [[], ["--help"]])
      expect(run(args)).toMatchObject({ status: 0, stdout: expect.stringMatching(/^Usage:/) });
    expect(run(["config"])).toMatchObject({ status: 2, stderr: expect.stringContaining('no command "config"') });
    expect(run(["upgrade", "--source"])).toMatchObject({ status: 2 });
  });

  it.each([
    ["does not see the processes of its node", () => write("proc/2/comm", "sh\n"), "hostPID: true"],
    [
      "does not see the processes of its node",
      () => rmSync(join(root, "proc/2"), { recursive: true }),
      "hostPID: true",
    ],
    ["may not enter the namespaces", () => write("proc/self/status", `CapEff:\t${ORDINARY}\n`), "privileged: true"],
    ["does not run k3OS", () => rmSync(join(root, "proc/1/root/usr"), { recursive: true }), "k3os.io/mode"],
    [
      "runs old k3OS",
      () => {
        rmSync(join(root, "proc/1/root/usr"), { recursive: true });
        mkdirSync(join(root, "proc/1/root/k3os/system/k3os"), { recursive: true });
      },
      "docs/migrating-from-k3os.md",
    ],
    ["there is no image at", () => rmSync(join(root, "k3os/system/image.json")), "Leave --source out"],
  ])("refuses with a sentence and a way out: %s", (message, change, hint) => {
    change();
    const { status, stderr } = run(["upgrade"]);
    expect([status, stderr]).toEqual([1, expect.stringMatching(new RegExp(`^k3os: .*${message}.*\n.*${hint}.*\n$`))]);
    expect(() => asked()).toThrow();
  });
});
