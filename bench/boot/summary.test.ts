import { expect, it } from "vitest";
import type { MachineName } from "../machines/machine.ts";
import { textTable } from "../table.ts";
import type { Boot } from "./boot.ts";
import { bootJson, bootTables } from "./summary.ts";

const memory = (used: number, os: number) => ({
  ...{ used, os, usedWithoutCache: used - 10, k3s: 200, containerd: 30, shims: 8 },
  ...{ pods: 20, kubernetesFiles: 10, osPrograms: 12, osFiles: 5, osReserve: 10 },
});
const boot = (machine: MachineName, ready: number, used: number): Boot => ({
  ...{
    machine,
    podSeconds: 4,
    memory: memory(used, 40),
    report: "",
    applySeconds: machine === "os" ? [0.1, ready / 100] : [],
  },
  marks: { "power-on": 0.5, ready, pod: ready + 4 },
});
const measured = {
  boots: [boot("os", 25, 310), boot("peer", 40, 430), boot("os", 27, 320), boot("peer", 44, 440), boot("os", 26, 300)],
  sizes: { os: { kernel: 10e6, initrd: 4.25e6, root: 115e6 }, peer: { root: 556e6 } },
};

it("gives scripts the medians, and leaves out what was not measured", () => {
  const { boots, ...json } = JSON.parse(JSON.stringify(bootJson(measured)));
  expect(json).toEqual({
    ...{ ready_s: 26, peer_s: 42, ready_per_peer: 0.619, pod_s: 4, apply_s: 0.175 },
    ...{ used_mb: 310, peer_used_mb: 435, os_used_mb: 40, peer_os_used_mb: 40 },
    ...{ kernel_mb: 10, initrd_mb: 4.3, root_mb: 115, peer_root_mb: 556 },
  });
  expect(boots).toHaveLength(5);
  expect(boots[0]).toMatchObject({ machine: "os", marks: { ready: 25 }, memory_mb: { used: 310 } });
});

it("prints a column for each machine that was booted", () => {
  const [times, used, sizes] = bootTables(measured).map(({ table }) => textTable(table).split("\n"));
  expect(times?.[0]).toMatch(/^ +k3OS +Debian \+ systemd$/);
  expect(times).toContainEqual(expect.stringMatching(/^node Ready +26\.0 \(25\.0–27\.0\) +42\.0 \(40\.0–44\.0\)$/));
  expect(times).toContainEqual(expect.stringMatching(/^node Ready, compared +1 +k3OS is 0\.62 ×$/));
  expect(times).toContainEqual(expect.stringMatching(/^k3os apply, nothing to do +0\.175 \(0\.100–0\.270\) +–$/));
  expect(used).toContainEqual(expect.stringMatching(/^used \(free, procps 4\) +310 \(300–320\) +435 \(430–440\)$/));
  expect(sizes).toContainEqual(expect.stringMatching(/^initrd +4\.3 +–$/));
});
