import { beforeEach, describe, expect, it } from "vitest";
import { type MemoryApi, memoryApi } from "./memory-api.ts";
import { awaitSettled } from "./settled.ts";

const conditions = (ready: boolean) => ({ conditions: [{ type: "Ready", status: ready ? "True" : "False" }] });

describe("a cluster that starts", () => {
  let api: MemoryApi;
  beforeEach(() => {
    api = memoryApi();
  });

  /** Seconds until it is settled, if `steps` happen after so many seconds. */
  async function settledAfter(steps: Readonly<Record<number, () => void>> = {}): Promise<number> {
    let seconds = 0;
    const sleep = async (milliseconds: number) => {
      seconds += milliseconds / 1000;
      steps[seconds]?.();
    };
    await awaitSettled(api.client("a"), { sleep });
    return seconds;
  }

  const account = () =>
    api.put("/api/v1/namespaces/default/serviceaccounts/default", { metadata: { name: "default" } });
  const node = (ready = true) => api.put("/api/v1/nodes/a", { metadata: { name: "a" }, status: conditions(ready) });
  const pod = (name: string, ready: boolean, phase = "Running") =>
    api.put(`/api/v1/namespaces/kube-system/pods/${name}`, {
      metadata: { name },
      status: { phase, ...conditions(ready) },
    });

  it("has settled when its Node and all pods are Ready, and pods can be made", async () => {
    pod("done", false, "Succeeded");
    pod("dns", false, "Pending");
    const steps = { 5: node, 10: account, 20: () => pod("dns", true) };
    expect(await settledAfter(steps)).toBe(25);
  });

  it("has not settled by the first look that finds nothing to wait for", async () => {
    account();
    node();
    expect(await settledAfter({ 5: () => pod("dns", false), 15: () => pod("dns", true) })).toBe(20);
  });

  it("is not waited for longer than three minutes", async () => {
    account();
    node(false);
    expect(await settledAfter()).toBe(180);
  });
});
