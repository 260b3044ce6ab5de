import { describe, expect, it } from "vitest";
import { containerIn, type EndingPod, endingsOf, NO_NOTES, notesOf, overdue, stopSignalOf } from "./grace.ts";

const sha = (digit: string) => digit.repeat(64);

const pod = (
  uid: string,
  seconds: number | undefined,
  ...containers: readonly [id: string, image: string][]
): EndingPod => ({
  metadata: { name: uid, uid },
  spec: seconds === undefined ? {} : { terminationGracePeriodSeconds: seconds },
  status: {
    containerStatuses: containers.map(([id, imageID]) => ({ containerID: `containerd://${id}`, imageID })),
  },
});

const container = (id: string, of: string) => ({ id, pod: of, pid: `1${id}`, cgroup: `/sys/fs/cgroup/pod${of}/${id}` });

describe("notesOf", () => {
  it("notes each pod's time, and the signals of images that want another one", () => {
    const signalOf = (image: string) => (image === "nginx" ? "SIGQUIT" : undefined);
    expect(notesOf([pod("a", 20, ["1", "nginx"], ["2", "app"]), pod("b", undefined), pod("c", 0)], signalOf)).toEqual({
      grace: { a: 20, b: 30, c: 0 },
      signals: { "1": "SIGQUIT" },
    });
  });

  it("knows a static pod as the kubelet does", () => {
    const mirror = { metadata: { name: "s", uid: "api", annotations: { "kubernetes.io/config.hash": "own" } } };
    expect(notesOf([mirror], () => undefined).grace).toEqual({ own: 30 });
  });
});

describe("endingsOf", () => {
  it("gives each container its pod's time, at most a minute", () => {
    const notes = { grace: { a: 20, b: 3600, c: 0 }, signals: { "2": "SIGINT" } };
    const endings = endingsOf([container("1", "a"), container("2", "b"), container("3", "c")], notes);
    expect(endings.map(({ id, signal, graceMs }) => [id, signal, graceMs])).toEqual([
      ["1", "SIGTERM", 20_000],
      ["2", "SIGINT", 60_000],
      ["3", "SIGTERM", 0],
    ]);
  });

  it("gives a pod of which nothing is known what Kubernetes gives by default", () => {
    expect(endingsOf([container("1", "a")], NO_NOTES)[0]).toMatchObject({ signal: "SIGTERM", graceMs: 30_000 });
  });
});

describe("overdue", () => {
  it("has those whose time is over, and no others", () => {
    const endings = endingsOf([container("1", "a"), container("2", "b")], { grace: { a: 1, b: 20 }, signals: {} });
    const ids = (ms: number) => overdue(endings, ms).map(({ id }) => id);
    expect([ids(0), ids(999), ids(1000), ids(20_000)]).toEqual([[], [], ["1"], ["1", "2"]]);
  });
});

describe("containerIn", () => {
  const config = (type: string, cgroupsPath: string) =>
    JSON.stringify({ annotations: { "io.kubernetes.cri.container-type": type }, linux: { cgroupsPath } });

  it("knows a container, its pod and its cgroup", () => {
    expect(containerIn("c1", config("container", "/kubepods/burstable/pod1-2/c1"), "42\n")).toEqual({
      id: "c1",
      pod: "1-2",
      pid: "42",
      cgroup: "/sys/fs/cgroup/kubepods/burstable/pod1-2/c1",
    });
  });

  it.each([
    ["the sandbox of a pod", config("sandbox", "/kubepods/pod1-2/c1"), "42"],
    ["a container of nobody's pod", JSON.stringify({ linux: { cgroupsPath: "/k8s.io/c1" } }), "42"],
    ["a container outside of the pods' cgroups", config("container", "/k8s.io/c1"), "42"],
    ["a container that has not started", config("container", "/kubepods/pod1-2/c1"), ""],
  ])("leaves %s alone", (_, text, pid) => {
    expect(containerIn("c1", text, pid)).toBeUndefined();
  });
});

describe("stopSignalOf", () => {
  const blobs: Readonly<Record<string, unknown>> = {
    [sha("1")]: {
      manifests: [
        { digest: `sha256:${sha("9")}`, platform: { architecture: "arm64" } },
        { digest: `sha256:${sha("2")}`, platform: { architecture: "amd64" } },
      ],
    },
    [sha("2")]: { config: { digest: `sha256:${sha("3")}` } },
    [sha("3")]: { config: { StopSignal: "SIGQUIT" } },
    [sha("4")]: { config: { Cmd: ["x"] } },
    [sha("5")]: { config: { StopSignal: "SIGTERM" } },
    [sha("6")]: { config: { StopSignal: "$(reboot)" } },
    [sha("7")]: { config: { StopSignal: "SIGRTMIN+3" } },
    [sha("8")]: { config: { digest: `sha256:${sha("8")}` } },
  };
  const blob = (digest: string) => (blobs[digest] ? JSON.stringify(blobs[digest]) : undefined);

  it.each([
    ["of an image of several platforms", `docker.io/library/nginx@sha256:${sha("1")}`, "SIGQUIT"],
    ["of a manifest", `nginx@sha256:${sha("2")}`, "SIGQUIT"],
    ["of an image that was loaded", `sha256:${sha("3")}`, "SIGQUIT"],
    ["that is one of real time", `sha256:${sha("7")}`, "SIGRTMIN+3"],
    ["of an image that names none", `sha256:${sha("4")}`, undefined],
    ["that is the default anyway", `sha256:${sha("5")}`, undefined],
    ["that is none", `sha256:${sha("6")}`, undefined],
    ["of documents that go in circles", `sha256:${sha("8")}`, undefined],
    ["of an image that is not there", `sha256:${sha("0")}`, undefined],
    ["of no image", "", undefined],
  ])("reads the signal %s", (_, image, signal) => {
    expect(stopSignalOf(image, blob, "amd64")).toBe(signal);
  });
});
