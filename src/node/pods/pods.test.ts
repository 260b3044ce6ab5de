import { describe, expect, it } from "vitest";
import { type MemoryHost, memoryHost, type Program } from "../../host/memory.ts";
import { podsCommand } from "../cli/pods.ts";
import { curlOf, FILES } from "../health/testing.ts";
import { endPods, notePods } from "./pods.ts";

const BUNDLES = "/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io";
const BLOBS = "/var/lib/rancher/k3s/agent/containerd/io.containerd.content.v1.content/blobs/sha256";
const PODS = "/api/v1/pods?fieldSelector=spec.nodeName%3Da";
const image = "1".repeat(64);

interface Container {
  readonly pod: string;
  /** How long it takes to end after a signal, in milliseconds; `undefined`: it has to be killed. */
  readonly takes?: number;
  readonly type?: string;
}

/** A node with these containers, by their ids. Their processes have the numbers 100, 101 … */
function nodeWith(containers: Readonly<Record<string, Container>>, api: Parameters<typeof curlOf>[0]["api"] = {}) {
  const ids = Object.keys(containers);
  const ends = new Map<string, number>();
  const cgroup = (id: string) => `/sys/fs/cgroup/kubepods/pod${containers[id]?.pod}/${id}`;
  const kill: Program = ([, , signal, ...pids]) => {
    for (const pid of pids) {
      const id = ids[Number(pid) - 100] ?? "";
      const { takes } = containers[id] ?? {};
      if (takes !== undefined) ends.set(id, host.monotonic() + takes);
      log.push(`${host.monotonic()} ${id} ${signal}`);
    }
    return {};
  };
  const log: string[] = [];
  const files = ids.flatMap((id, index) => [
    [
      `${BUNDLES}/${id}/config.json`,
      JSON.stringify({
        annotations: { "io.kubernetes.cri.container-type": containers[id]?.type ?? "container" },
        linux: { cgroupsPath: `/kubepods/pod${containers[id]?.pod}/${id}` },
      }),
    ],
    [`${BUNDLES}/${id}/init.pid`, `${100 + index}`],
    [`${cgroup(id)}/cgroup.events`, "populated 1\nfrozen 0\n"],
    [`${cgroup(id)}/cgroup.kill`, ""],
  ]);
  const inner = memoryHost({
    files: {
      ...FILES,
      "/proc/sys/kernel/hostname": "a\n",
      "/dev/kmsg": "",
      "/run/k3os/mode": "",
      ...Object.fromEntries(files),
    },
    programs: { kill, curl: curlOf({ kubelet: true, containerd: 92, api }) },
  });
  const host: MemoryHost = {
    ...inner,
    readText(path) {
      const id = ids.find((name) => path === `${cgroup(name)}/cgroup.events`);
      if (id !== undefined && host.monotonic() >= (ends.get(id) ?? Number.POSITIVE_INFINITY)) return "populated 0\n";
      return inner.readText(path);
    },
    poke(path, text) {
      const id = ids.find((name) => path === `${cgroup(name)}/cgroup.kill`);
      if (id !== undefined) log.push(`${host.monotonic()} ${id} killed`);
      inner.poke(path, text);
    },
  };
  return { host, log };
}

const pod = (uid: string, seconds: number, ...ids: readonly string[]) => ({
  metadata: { name: uid, uid },
  spec: { terminationGracePeriodSeconds: seconds },
  status: { containerStatuses: ids.map((id) => ({ containerID: `containerd://${id}`, imageID: `sha256:${image}` })) },
});

describe("the pods of a node that stops", () => {
  it("end at once, each in the time that it asks for, and no longer than they need", async () => {
    const { host, log } = nodeWith(
      { quick: { pod: "a", takes: 250 }, slow: { pod: "b", takes: 20_000 }, deaf: { pod: "c" } },
      { [PODS]: { body: { items: [pod("a", 30), pod("b", 45), pod("c", 10)] } } },
    );
    await notePods(host);
    await endPods(host);
    expect(log).toEqual(["0 deaf SIGTERM", "0 quick SIGTERM", "0 slow SIGTERM", "10000 deaf killed"]);
    expect(host.monotonic()).toBe(20_000);
    expect(host.readText("/dev/kmsg")).toContain("containers that did not end in their time: 1");
  });

  it("are waited for no longer than a minute", async () => {
    const { host, log } = nodeWith({ deaf: { pod: "a" } }, { [PODS]: { body: { items: [pod("a", 3600)] } } });
    await notePods(host);
    await endPods(host);
    expect(log).toEqual(["0 deaf SIGTERM", "60000 deaf killed"]);
  });

  it("get the signal that their image names", async () => {
    const { host, log } = nodeWith(
      { web: { pod: "a", takes: 0 }, app: { pod: "b", takes: 0 } },
      { [PODS]: { body: { items: [pod("a", 30, "web"), pod("b", 30)] } } },
    );
    host.mkdir(BLOBS);
    host.write(`${BLOBS}/${image}`, JSON.stringify({ config: { StopSignal: "SIGQUIT" } }));
    await notePods(host);
    await endPods(host);
    expect(log.sort()).toEqual(["0 app SIGTERM", "0 web SIGQUIT"]);
  });

  it("have half a minute if the API cannot be asked, also if it could at an earlier stop", async () => {
    const { host, log } = nodeWith({ deaf: { pod: "a" } });
    host.write("/run/k3os/pods.json", '{"grace":{"a":5},"signals":{}}');
    await notePods(host);
    await endPods(host);
    expect(log.at(-1)).toBe("30000 deaf killed");
  });

  it("keep their sandbox until all have ended", async () => {
    const { host, log } = nodeWith({ app: { pod: "a", takes: 100 }, pause: { pod: "a", type: "sandbox" } });
    await endPods(host);
    expect(log).toEqual(["0 app SIGTERM"]);
  });

  it("cost no time and no program if there are none", async () => {
    const { host } = nodeWith({});
    await endPods(host);
    expect([host.monotonic(), host.ran]).toEqual([0, []]);
  });

  it("that have ended by themselves get no signal", async () => {
    const { host, log } = nodeWith({ gone: { pod: "a" } });
    host.remove("/sys/fs/cgroup/kubepods");
    await endPods(host);
    expect(log).toEqual([]);
  });
});

describe("k3os pods", () => {
  it("is for the shutdown, and says so", async () => {
    const { host } = nodeWith({});
    await expect(podsCommand(host, [])).rejects.toThrow("say --note or --end");
  });
});
