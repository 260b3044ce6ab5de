import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { K3osError } from "../errors.ts";
import { accountFiles } from "./accounts.ts";
import { matcher } from "./glob.ts";
import { grubMenu } from "./grub.ts";
import { formatLock, type Lock, parseLock } from "./lock.ts";
import { moduleFiles } from "./modules.ts";
import { parseBaseSpec, parseImageSpec } from "./spec.ts";

const failure = (action: () => unknown): K3osError => {
  try {
    action();
  } catch (error) {
    return error as K3osError;
  }
  throw new Error("nothing was thrown");
};

describe("image spec", () => {
  it("accepts the ones of the repository", () => {
    expect(parseImageSpec(readFileSync("os/image.yaml", "utf8"), "os/image.yaml").kubernetes).toEqual({
      source: "upstream",
    });
    expect(
      parseBaseSpec(readFileSync("os/base.yaml", "utf8"), "os/base.yaml", { architecture: "amd64", host: "amd64" })
        .packages,
    ).toContain("busybox");
  });

  it("is complete when it is empty", () => {
    expect(parseImageSpec("", "image.yaml")).toEqual({
      kubernetes: { source: "upstream" },
      packages: [],
      drop: [],
      files: [],
      flavours: {},
      kernel: { keep: [], arguments: [] },
      modules: [],
      images: [],
      manifests: [],
      apt: { sources: [] },
    });
  });

  it("reads a mode as octal, however it is written", () => {
    const spec = (mode: string) => `files: [{ path: /a, content: x, mode: ${mode} }]`;
    for (const mode of ["0600", '"0600"', "600"]) {
      expect(parseImageSpec(spec(mode), "i").files[0]?.mode).toBe(0o600);
    }
  });

  it.each([
    ["packages: htop", 'i.yaml:1:11 packages: expected Array but received "htop"'],
    ["packages:\n  - htop\n  - 5", "i.yaml:3:5 packages.1: expected string but received 5"],
    ["package: [htop]", "i.yaml:1:1 package: there is no such key"],
    ["kubernetes: { source: k3s, version: 1.34 }", "i.yaml:1:37 kubernetes.version: expected string but received 1.34"],
    [
      "kubernetes: { source: k3s, version: v1.34.1 }",
      "i.yaml:1:37 kubernetes.version: expected a version such as v1.34.1+k3s1",
    ],
    ["files: [{ path: etc/motd, content: x }]", "i.yaml:1:17 files.0.path: expected an absolute path"],
    ["files:\n  - path: /etc/motd", "i.yaml:2:5 files.0: expected either content or source"],
    ["files: [{ path: /a, content: x, mode: rw }]", "i.yaml:1:39 files.0.mode: expected an octal mode such as 0644"],
    ["packages: [htop", "i.yaml:1:16 Flow sequence in block collection must be sufficiently indented and end with a ]"],
  ])("points at the mistake in %j", (text, message) => {
    const error = failure(() => parseImageSpec(text, "i.yaml"));
    expect(error).toMatchObject({ kind: "config", message });
    expect(error.hint).toBeTruthy();
  });
});

describe("lock", () => {
  const entry = (name: string) => ({
    name,
    version: "1:2-3",
    architecture: "amd64",
    sha256: "0".repeat(64),
    size: 5,
    archive: "debian",
    path: `pool/main/${name}.deb`,
  });
  const lock: Lock = { format: 1, time: 1_700_000_000, packages: { root: [entry("bash"), entry("apt")], kernel: [] } };

  it("is the same text whatever the order, and read back equal", () => {
    const text = formatLock(lock);
    expect(text.indexOf('"apt"')).toBeLessThan(text.indexOf('"bash"'));
    expect(formatLock(parseLock(text, "lock.json"))).toBe(text);
  });

  it.each([
    ["{", /^lock.json is not a package lock: /],
    ['{"format":2,"time":0,"packages":{}}', /format: /],
    ['{"format":1,"time":0,"packages":{"root":[{"name":"x"}]}}', /packages\.root\.0\.version/],
  ])("refuses %j", (text, message) => {
    expect(failure(() => parseLock(text, "lock.json"))).toMatchObject({
      kind: "config",
      message: expect.stringMatching(message),
    });
  });
});

describe("path patterns", () => {
  it.each([
    ["/usr/share/doc/**", "/usr/share/doc/bash/copyright", true],
    ["/usr/share/doc/**", "/usr/share/doc", false],
    ["/usr/bin/*.pl", "/usr/bin/a.pl", true],
    ["/usr/bin/*.pl", "/usr/bin/d/a.pl", false],
    ["/usr/lib/cni/{ptp,vlan}", "/usr/lib/cni/vlan", true],
    ["/usr/lib/cni/{ptp,vlan}", "/usr/lib/cni/bridge", false],
    ["/a.b", "/axb", false],
  ])("%s for %s: %s", (pattern, path, expected) => {
    expect(matcher([pattern])(path)).toBe(expected);
  });
});

describe("kernel modules", () => {
  const dep = `kernel/fs/overlay.ko:
kernel/drivers/virtio_blk.ko: kernel/drivers/virtio_ring.ko kernel/drivers/virtio.ko
kernel/drivers/virtio_ring.ko: kernel/drivers/virtio.ko
kernel/drivers/virtio.ko:
kernel/drivers/usb-storage.ko.xz: kernel/drivers/scsi.ko
kernel/drivers/scsi.ko:
`;

  it("come with what they need, which loads first", () => {
    expect(moduleFiles(dep, ["virtio_blk"])).toEqual([
      "kernel/drivers/virtio.ko",
      "kernel/drivers/virtio_ring.ko",
      "kernel/drivers/virtio_blk.ko",
    ]);
  });

  it("are found by where they lie, too", () => {
    expect(moduleFiles(dep, ["drivers/usb*", "drivers/none/**"])).toEqual([
      "kernel/drivers/scsi.ko",
      "kernel/drivers/usb-storage.ko.xz",
    ]);
  });

  it("are found with dashes and underscores alike; what is not there is skipped", () => {
    expect(moduleFiles(dep, ["usb_storage", "built-in"])).toEqual([
      "kernel/drivers/scsi.ko",
      "kernel/drivers/usb-storage.ko.xz",
    ]);
  });
});

describe("accounts", () => {
  const files = accountFiles(
    { passwd: "root:*:0:0:root:/root:/bin/bash\n", group: "root:*:0:\nsudo:*:27:\n" },
    {
      users: [
        { name: "rancher", uid: 1000, groups: ["sudo"], home: "/home/rancher", shell: "/bin/bash", comment: "k3OS" },
        { name: "sshd", uid: 100, gid: 65534, groups: [], home: "/run/sshd", shell: "/usr/sbin/nologin", comment: "" },
      ],
      groups: [{ name: "_ssh", gid: 103 }],
    },
  );

  it("nobody has a password, and a user without a group gets his own", () => {
    expect(files.passwd).toBe(
      "root:x:0:0:root:/root:/bin/bash\nrancher:x:1000:1000:k3OS:/home/rancher:/bin/bash\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n",
    );
    expect(files.group).toBe("root:x:0:\nsudo:x:27:rancher\nrancher:x:1000:\n_ssh:x:103:\n");
    expect(files.shadow.split("\n")[1]).toBe("rancher:*::0:99999:7:::");
    expect(files.gshadow).toContain("sudo:*::rancher\n");
  });
});

describe("boot menu", () => {
  it("boots the image of its own directory first", () => {
    const menu = grubMenu("amd64", { directory: "/k3os/system/1.0", label: "K3OS", arguments: ["net.ifnames=0"] });
    expect(menu.match(/^menuentry ".*"/gm)).toEqual([
      'menuentry "k3OS"',
      'menuentry "Install k3OS to a disk"',
      'menuentry "k3OS, telling what it does"',
      'menuentry "Rescue shell"',
    ]);
    expect(menu).toContain(
      "$linux /k3os/system/1.0/vmlinuz k3os.root=LABEL=K3OS:/k3os/system/1.0/root.squashfs console=tty0 console=ttyS0,115200 net.ifnames=0 quiet\n",
    );
  });
});
