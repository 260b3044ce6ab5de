/** Test support: a node whose boot is tested. */
import { type MemoryHost, memoryHost } from "../../host/memory.ts";
import { PREBUILT } from "../../image/disk.ts";

/** What the seed volume of `nodeAtBoot` holds. */
const SEED = {
  "user-data": "write_files:\n- path: /var/from-userdata\n  content: x\nk3os:\n  sysctls:\n    vm.swappiness: 7\n",
  "meta-data": "local-hostname: seed\npublic-keys:\n- ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0 metadata\n",
};

/**
 * An installed node at the start of `boot()`. Every stage has something to do: a built disk that can grow, a seed
 * volume, and a layer of each kind with a value that no other layer has.
 */
export function nodeAtBoot(): MemoryHost {
  const seed = "/run/k3os/cidata";
  const disk = "/sys/devices/pci/block/vda";
  const host: MemoryHost = memoryHost({
    now: Date.UTC(2026, 10, 25),
    files: {
      "/proc/cmdline": [
        "console=ttyS0 quiet",
        `k3os.root=UUID=${PREBUILT.state}:/k3os/system/current/root.squashfs`,
        "k3os.labels[zone]=a boot_cmd=from-cmdline run_cmd=once-there-is-a-network\n",
      ].join(" "),
      "/proc/uptime": "12.34 5.6\n",
      "/proc/meminfo": "MemTotal:        1000000 kB\n",
      "/proc/mounts": "/dev/root / squashfs ro 0 0\n/dev/vda3 /run/k3os/state ext4 rw 0 0\n",
      "/proc/sys/kernel/random/uuid": "11111111-2222-4333-8444-555555555555\n",
      "/proc/sys/kernel/hostname": "(none)\n",
      "/proc/sys/kernel/panic": "0\n",
      "/proc/sys/vm/swappiness": "60\n",
      "/proc/sys/vm/min_free_kbytes": "45056\n",
      "/sys/class/tty/console/active": "ttyAMA0 ttyS0\n",
      "/dev/ttyS0": "",
      "/sys/class/net/eth0/address": "52:54:00:12:34:56\n",
      "/sys/bus/virtio/devices/virtio0/modalias": "virtio:d00000001v00001AF4\n",
      "/sys/bus/pci/devices/0000:00:01.0/modalias": "pci:v00001234\n",
      [`${disk}/bdi/max_bytes`]: "357203968\n",
      [`${disk}/bdi/strict_limit`]: "0\n",
      [`${disk}/size`]: "8000000\n",
      [`${disk}/serial`]: "x1\n",
      [`${disk}/vda3/start`]: "135168\n",
      [`${disk}/vda3/size`]: "1000000\n",
      [`${disk}/vda3/partition`]: "3\n",
      "/dev/vda2": "",
      "/run/k3os/mode": "local\n",
      "/run/k3os/boot.json": '{"stage":"init","uptime_s":1.5}\n',
      "/run/k3os/state/k3os/discarded/some-uuid/x": "",
      "/etc/modules-load.d/k3os.conf": "# Kubernetes\nbr_netfilter\n",
      "/etc/sysctl.d/50-k3os.conf": "kernel.panic = 10\n",
      "/etc/hosts": "127.0.0.1 localhost\n",
      "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nrancher:x:1000:1000::/home/rancher:/bin/bash\n",
      "/etc/group": "root:x:0:\nrancher:x:1000:\n",
      "/etc/shadow": "root:*:1::::::\nrancher:*:1::::::\n",
      "/etc/dhcpcd.conf": "",
      "/etc/machine-id": "",
      "/etc/environment": "",
      "/etc/init.d/console": "",
      "/etc/runlevels/default/k3s": "",
      "/usr/share/k3os/image.json": '{"version":"1.2.3","kubernetes":{"version":"v1.37.2"}}\n',
      "/usr/share/k3os/images/pause.tar": "",
      "/usr/share/k3os/manifests/coredns.yaml": "",
      "/k3os/system/config.yaml":
        "ssh_authorized_keys:\n- ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0 system\nk3os:\n  modules:\n  - nbd\n",
      "/var/lib/rancher/k3os/config.yaml": "k3os:\n  ntp_servers:\n  - ntp.local\n",
      "/var/lib/rancher/k3os/config.d/10-dns.yaml": "k3os:\n  dns_nameservers:\n  - 10.9.8.7\n",
      "/var/lib/rancher/k3os/kubelet-minor": "1.36\n",
      "/var/lib/kubelet/cpu_manager_state": "{}",
      "/var/lib/rancher/k3os/ssh/ssh_host_ed25519_key": "kept",
    },
    programs: {
      mount: ([, , type, , , , target]) => {
        if (type === "auto" && target === seed)
          for (const [name, text] of Object.entries(SEED)) host.write(`${seed}/${name}`, text);
        return {};
      },
      umount: () => {
        host.remove(seed);
        return {};
      },
      blkid: (argv) => (argv.at(-1) === "cidata" ? { stdout: "/dev/sr0\n" } : { status: 2 }),
      sh: ([, , command]) => {
        host.write(`/run/ran-${command}`, "");
        return {};
      },
      partx: () => {
        host.write(`${disk}/vda3/size`, `${8_000_000 - 135_168}\n`);
        return {};
      },
      ip: () => ({}),
      modprobe: () => ({}),
      mdev: () => ({}),
      "/usr/lib/k3os/name-disks": () => ({}),
      sfdisk: () => ({}),
      resize2fs: () => ({}),
      tune2fs: () => ({}),
      ionice: () => ({}),
    },
  });
  host.symlink("1", "/proc/self");
  for (const path of ["/etc/ssh", "/home", "/sys/class/block", "/sys/block"]) host.mkdir(path);
  host.symlink("../devices/pci/block/vda", "/sys/block/vda");
  host.symlink("../../devices/pci/block/vda", "/sys/class/block/vda");
  host.symlink("../../devices/pci/block/vda/vda3", "/sys/class/block/vda3");
  return host;
}
