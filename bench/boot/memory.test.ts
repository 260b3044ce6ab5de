import { describe, expect, it } from "vitest";
import { type Line, parseLine } from "../machines/lines.ts";
import { memoryOf, ownerOf } from "./memory.ts";

const read = (...texts: string[]) =>
  texts.map((text) => parseLine(`@60.00 ${text}`)).filter((line): line is Line => !!line);

describe("whose a process is", () => {
  it.each([
    ["/service/k3s", "/usr/bin/k3s server --node-label=a=b", "k3s"],
    ["/service/k3s", "containerd --config /var/lib/rancher/k3s/agent/etc/containerd/config.toml", "containerd"],
    ["/service/k3s", "/usr/bin/k3s containerd --config x", "containerd"],
    ["/service/k3s", "/usr/bin/containerd-shim-runc-v2 -namespace k8s.io", "shims"],
    ["/kubepods/besteffort/pod1/abc", "/k3s coredns -conf x", "pods"],
    ["/", "supervise-daemon k3s --start /usr/lib/k3os/run-k3s -- server", "os"],
    ["/", "logger -t k3s", "os"],
    ["/", "/usr/sbin/sshd -D", "os"],
  ])("%s %s", (cgroup, command, wanted) => {
    expect(ownerOf({ cgroup, argv: command.split(" ") })).toBe(wanted);
  });
});

it("splits what is used", () => {
  const memory = memoryOf(
    read(
      "meminfo MemTotal: 1024000 kB",
      "meminfo MemFree: 307200 kB",
      "meminfo MemAvailable: 716800 kB",
      "meminfo Buffers: 1024 kB",
      "meminfo Cached: 409600 kB",
      "meminfo SReclaimable: 10240 kB",
      "meminfo Shmem: 15360 kB",
      "meminfo Active(file): 307200 kB",
      "meminfo Inactive(file): 102400 kB",
      "meminfo KReclaimable: 10240 kB",
      "process 300000 250000 204800 / /usr/bin/k3s server",
      "process 60000 50000 30720 / containerd --config x",
      "process 12000 9000 8192 / /usr/bin/containerd-shim-runc-v2 -id 1",
      "process 40000 30000 20480 /kubepods/p /k3s coredns",
      "process 9000 4000 2048 / /usr/sbin/sshd -D",
      "tmpfs 10240 /var/lib/rancher",
    ),
  );
  expect(memory).toEqual({
    used: 300,
    usedWithoutCache: 289,
    k3s: 200,
    containerd: 30,
    shims: 8,
    pods: 20,
    kubernetesFiles: 10,
    os: 32,
    osPrograms: 2,
    osFiles: 5,
    osReserve: 10,
  });
});

it("knows when nothing was reported", () => {
  expect(memoryOf(read("process 1 1 1 / a"))).toBeUndefined();
});
