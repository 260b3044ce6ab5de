import { lstatSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { extractPackages, megabytes, treeSize } from "../../src/build/extract.ts";
import { sourceFiles } from "../../src/build/identity.ts";
import { cacheLibraries, finishRoot } from "../../src/build/root-packages.ts";
import type { Work } from "../../src/build/steps.ts";
import { linkTree, overlayTree, placeFile } from "../../src/build/tree.ts";
import { kernelArguments } from "../../src/vm/qemu.ts";
import { guestFile } from "./guest.ts";
import { benchInitrd } from "./initrd.ts";
import type { BenchMachine, Conditions } from "./machine.ts";
import type { Parts } from "./parts.ts";
import { benchQemuCommand } from "./qemu.ts";
import { type BenchWorkshop, runLatest } from "./workshop.ts";

/** A trimmed Debian with systemd on an ext4 disk; kernel and k3s are those of the image. */
export async function peerMachine(shop: BenchWorkshop, parts: Parts, conditions: Conditions): Promise<BenchMachine> {
  const { image } = conditions;
  const disk = await peerDisk(shop, await peerTree(shop), parts.image);
  const initrd = benchInitrd({
    ...{ kernelTree: parts.image, modules: shop.peer.initrd.modules, busybox: parts.busybox },
    scripts: { init: readFileSync(guestFile("peer-initrd.sh"), "utf8") },
  });
  return {
    name: "peer",
    sizes: { initrd: initrd.length, root: statSync(disk).blocks * 512 },
    command(dir) {
      writeFileSync(join(dir, "initrd"), initrd);
      const options = [
        ...[
          "-kernel",
          image.kernel,
          "-initrd",
          "initrd",
          "-append",
          kernelArguments(image.imageJson.architecture, conditions.append),
        ],
        // Writable, and unchanged at the next boot.
        ...["-drive", `if=none,id=root,format=raw,snapshot=on,file=${disk.replaceAll(",", ",,")}`],
        ...["-device", "virtio-blk-pci,drive=root"],
      ];
      return benchQemuCommand(conditions, "peer", { kind: "disk", firmware: "bios" }, { options });
    },
  };
}

/** Debian's packages, unpacked, and what their maintainer scripts would have done. */
async function peerTree({ packages, peer, runner, image, project }: BenchWorkshop): Promise<string> {
  const applets = await sourceFiles(join(project, "os/busybox-applets"));
  const set = { architecture: image.imageJson.architecture, packages: peer.packages, exclude: peer.exclude };
  const lock = (await packages.resolve({ peer: set })).packages.peer ?? [];
  return runner.run({
    name: "bench-peer-tree",
    title: "Debian with systemd",
    maker: "peer",
    parts: { peer, applets, packages: lock.map(({ sha256 }) => sha256), tools: image.tools },
    async make(work) {
      await packages.fetch(lock, work.log, work.update);
      await extractPackages(work, lock, packages.debs, []);
      finishRoot(work, peer, applets);
      await cacheLibraries(work, image.tools);
      return megabytes(treeSize(work.out));
    },
  });
}

async function peerDisk(shop: BenchWorkshop, tree: string, parts: string): Promise<string> {
  const { project, image } = shop;
  const files = ["bench/machines/peer/rootfs", "os/rootfs", "bench/machines/guest/probe.sh"];
  const result = await runLatest(shop, {
    name: "bench-peer-disk",
    title: "Disk of the Debian with systemd",
    maker: "peer",
    parts: { tree, parts, files: await Promise.all(files.map((path) => sourceFiles(join(project, path)))) },
    async make(work) {
      const root = join(work.scratch, "root");
      await linkTree(tree, root);
      await linkTree(join(parts, "usr/lib/modules"), join(root, "usr/lib/modules"));
      placeKubernetes(root, parts);
      overlayTree(join(project, "bench/machines/peer/rootfs"), root);
      placeShared(root, project);
      const keygen = image.tools.command(hostKey(root));
      await work.command(keygen.argv, { env: keygen.env });
      return packDisk(work, root, image.tools);
    },
  });
  return join(result, "root.ext4");
}

function placeKubernetes(root: string, parts: string): void {
  placeFile(join(parts, "usr/bin/k3s"), join(root, "usr/local/bin/k3s"));
  placeFile(join(parts, "usr/bin/containerd-shim-runc-v2"), join(root, "usr/local/bin/containerd-shim-runc-v2"));
  const images = join(parts, "usr/share/k3os/images");
  for (const name of readdirSync(images)) {
    placeFile(join(images, name), join(root, "var/lib/rancher/k3s/agent/images", name));
  }
}

/** The kernel settings for Kubernetes, logins, and the probe: the same as on k3OS. */
function placeShared(root: string, project: string): void {
  for (const path of ["etc/sysctl.d", "etc/pam.d"]) overlayTree(join(project, "os/rootfs", path), join(root, path));
  placeFile(join(project, "bench/machines/guest/probe.sh"), join(root, "usr/local/lib/k3os-bench/probe.sh"));
  // Marks the first boot as done, so that systemd has nothing left to set up.
  for (const place of ["etc", "var"]) writeFileSync(join(root, place, ".updated"), "");
}

/** The key that the package's maintainer script would make; without one, sshd does not start. */
function hostKey(root: string): string[] {
  return [
    "ssh-keygen",
    "-q",
    "-t",
    "ed25519",
    "-N",
    "",
    "-C",
    "peer",
    "-f",
    join(root, "etc/ssh/ssh_host_ed25519_key"),
  ];
}

/** Packs with root as owner of all files: a user who is not root does so in a user namespace. */
async function packDisk(work: Work, root: string, tools: BenchWorkshop["image"]["tools"]): Promise<string> {
  const [unfinished, file] = [join(work.scratch, "root.ext4"), join(work.out, "root.ext4")];
  const { argv, env } = tools.command(["mkfs.ext4", "-q", "-F", "-d", root, unfinished, "4G"]);
  const asRoot = process.getuid?.() === 0 ? [] : ["unshare", "--map-root-user"];
  await work.command([...asRoot, ...argv], { env });
  renameSync(unfinished, file);
  return megabytes(lstatSync(file).blocks * 512);
}
