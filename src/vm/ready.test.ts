import { describe, expect, it } from "vitest";
import { K3osError } from "../errors.ts";
import { type Probes, readFailures, watchReady } from "./ready.ts";

/** A node that makes progress in its boot each time it is looked at. `change` makes something fail. */
function fake(change: Partial<Probes> = {}): Probes {
  let looks = 0;
  return {
    console: () => "[    0.1] Linux version 6.12\nk3os login:",
    alive: () => true,
    restartStalled: async () => {},
    apiAnswers: async () => ++looks > 2,
    kubeconfig: async () => (++looks > 4 ? "config" : undefined),
    nodeReady: async () => ++looks > 6,
    k3sFailure: async () => undefined,
    ...change,
  };
}

const options = { timeoutMs: 1000, everyMs: 1 };

describe("watchReady", () => {
  it("returns when the node is Ready, and tells how far it is meanwhile", async () => {
    const stages: string[] = [];
    await watchReady(fake(), "a", { ...options, onStage: (stage) => stages.push(stage) });
    expect([...new Set(stages)]).toEqual(["kernel", "services", "API server", "node"]);
  });

  it.each<[string, Partial<Probes>, RegExp]>([
    [
      "a kernel panic",
      { apiAnswers: never, console: () => "x\n[ 1.2] Kernel panic - not syncing: VFS: Unable to mount root fs\n" },
      /^The kernel of "a" panicked: VFS: Unable to mount root fs\.$/,
    ],
    [
      "an init that stopped",
      {
        apiAnswers: never,
        console: () => "k3os: the root disk was not found\nk3os: the boot stopped; this is a rescue shell\n",
      },
      /^The machine "a" could not boot: the root disk was not found$/,
    ],
    [
      "a machine that is gone",
      { apiAnswers: never, alive: () => false },
      /^The machine "a" powered itself off before it was Ready\.$/,
    ],
    [
      "k3s that keeps failing",
      { apiAnswers: never, k3sFailure: async () => "no token" },
      /^k3s on "a" fails again and again: no token$/,
    ],
    [
      "a machine that stands still whatever is done",
      {
        apiAnswers: never,
        restartStalled: async () => {
          throw new K3osError("machine", "it stood still twice");
        },
      },
      /^it stood still twice$/,
    ],
    ["a panic after the API answered", { nodeReady: never, console: panicAfter(5) }, /panicked: late/],
  ])("gives up early for %s", async (_, change, message) => {
    const start = performance.now();
    await expect(watchReady(fake(change), "a", { ...options, timeoutMs: 60_000 })).rejects.toThrow(message);
    expect(performance.now() - start).toBeLessThan(2000);
  });

  it.each<[string, Partial<Probes>, RegExp]>([
    ["no API", { apiAnswers: never }, /was not Ready after 0 s: the Kubernetes API did not answer/],
    ["no kubeconfig", { kubeconfig: async () => undefined }, /its kubeconfig could not be fetched over ssh/],
    ["not Ready", { nodeReady: never }, /Kubernetes runs, but the node did not report Ready/],
  ])("says what was missing when the time is over: %s", async (_, change, message) => {
    // Earlier stages are complete at the first look, so that a busy host changes nothing.
    const probes = fake({ apiAnswers: async () => true, kubeconfig: async () => "config", ...change });
    const error = await watchReady(probes, "a", { ...options, timeoutMs: 0 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(K3osError);
    expect((error as K3osError).message).toMatch(message);
    expect((error as K3osError).hint).toMatch(/\.\/k3os logs --name a\nIts last lines:\n(.*\n)*k3os login:/);
  });

  it("stops at once when the user does", async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(new K3osError("interrupted", "Interrupted.")), 10);
    const wait = watchReady(fake({ apiAnswers: never }), "a", {
      timeoutMs: 60_000,
      everyMs: 5_000,
      signal: stop.signal,
    });
    await expect(wait).rejects.toThrow("Interrupted.");
  });
});

it("takes k3s for failing when it has ended five times, whatever the node prints", () => {
  const last = "Nov 23 14:45:06 a local0.info k3s: Error: the token is wrong";
  expect(readFailures(`5\n${last}\n`)).toBe("Error: the token is wrong");
  expect(readFailures("5\n")).toBe("see /var/log/k3s-service.log on the node");
  expect(readFailures(`4\n${last}\n`)).toBeUndefined();
  expect(readFailures("")).toBeUndefined();
  expect(readFailures("grep: /var/log/messages: No such file\n")).toBeUndefined();
});

async function never(): Promise<false> {
  return false;
}

function panicAfter(looks: number): () => string {
  let seen = 0;
  return () => (++seen > looks ? "Kernel panic - not syncing: late" : "");
}
