import { describe, expect, it } from "vitest";
import { apiChecks, judge, type LocalObservation, localChecks } from "./judge.ts";

const healthy: LocalObservation = { k3s: { started: true, restarts: 0 }, containerd: "answers", kubelet: true };
const local = (change: Partial<LocalObservation>) => judge(localChecks({ ...healthy, ...change }));

describe("localChecks", () => {
  it.each<[string, Partial<LocalObservation>, string]>([
    ["runs and answers", {}, "Ready"],
    ["was restarted and came back", { k3s: { started: true, restarts: 9 } }, "Ready"],
    ["uses a runtime of the user's own", { containerd: "absent" }, "Ready"],
  ])("is content with a node that %s", (_, change, reason) => {
    expect(local(change)).toEqual({ good: true, reason });
  });

  it.each<[string, Partial<LocalObservation>, string]>([
    ["k3s is not started", { k3s: { started: false, restarts: 0 }, kubelet: false }, "k3s is not started"],
    [
      "k3s fails again and again",
      { k3s: { started: true, restarts: 7 }, kubelet: false, containerd: "absent" },
      "k3s ended again and again, 7 times so far",
    ],
    ["containerd hangs", { containerd: "silent" }, "containerd does not answer"],
    ["containerd has not come up", { containerd: "absent", kubelet: false }, "containerd does not answer"],
    ["the kubelet is not healthy", { kubelet: false }, "the kubelet does not report itself healthy"],
  ])("says so if %s", (_, change, reason) => {
    expect(local(change)).toEqual({ good: false, reason });
  });
});

describe("apiChecks", () => {
  it("is content with a node that is Ready", () => {
    const api = { answers: true, node: { type: "Ready", status: "True" } } as const;
    expect(judge(apiChecks(api))).toEqual({ good: true, reason: "Ready" });
  });

  it.each<[Parameters<typeof apiChecks>[0], string]>([
    [{ answers: false, reason: "it says 503", refused: false }, "the API does not answer: it says 503"],
    [{ answers: false, reason: "it says 401", refused: true }, "the API refuses this node: it says 401"],
    [{ answers: true, node: undefined }, "the cluster does not have this node yet"],
    [{ answers: true, node: { type: "Ready", status: "Unknown" } }, "the node is not Ready"],
    [
      { answers: true, node: { type: "Ready", status: "False", message: "no network" } },
      "the node is not Ready: no network",
    ],
  ])("says why %o is bad", (api, reason) => {
    expect(judge(apiChecks(api))).toEqual({ good: false, reason });
  });
});
