import { describe, expect, it } from "vitest";
import type { AgentNote, Work } from "../../management/observed.ts";
import { localOf, observedBy } from "../../management/testing.ts";
import { act, Restarting } from "./act.ts";
import { newMemory } from "./memory.ts";
import { memoryApi } from "./memory-api.ts";
import type { AgentTools } from "./observe.ts";
import type { OwnNode } from "./own-node.ts";
import { noConfig } from "./testing.ts";

const RESTARTED = "2026-11-29T11:00:00Z";
const work: Work = {
  ...{ pool: "agents", reason: "Config", key: "sha256:1", startedAt: 0, startedUptime: 0 },
  ...{ bootId: "boot-1", drain: false, restarted: { pool: RESTARTED } },
};

function rig(own: Partial<OwnNode> = {}) {
  const api = memoryApi();
  const notes: AgentNote[] = [];
  const node = {
    ...{ name: "a", now: () => 0, writeNote: (note: AgentNote) => notes.push(note), log: () => {}, config: noConfig },
    ...own,
  } as unknown as OwnNode;
  const tools: AgentTools = { own: node, client: api.client("a"), watches: api.watches("a", async () => {}) };
  const observed = (bootId: string) => observedBy({ local: localOf({ bootId, note: { ...localOf().note, work } }) });
  return { notes, tools, observed };
}

describe("the end of a disruption", () => {
  it.each([
    ["does not answer a restart that was asked for, if only k3s has restarted", "boot-1", {}],
    ["answers it if the machine has", "boot-2", { pool: RESTARTED }],
  ])("%s", async (_, bootId, restarted) => {
    const { notes, tools, observed } = rig();
    await act({ kind: "End", work, done: true }, tools, newMemory(), observed(bootId));
    expect(notes.at(-1)).toMatchObject({ restarted });
    expect(notes.at(-1)).not.toHaveProperty("work");
  });
});

describe("a config that takes a boot", () => {
  it("leaves no note of a restart if its trial cannot be armed", async () => {
    const apply = async () => Promise.reject(new Error("the version before runs by hand"));
    const { notes, tools, observed } = rig({ config: { ...noConfig, apply } });
    const failing = act({ kind: "ActivateConfig", work }, tools, newMemory(), observed("boot-1"));
    await expect(failing).rejects.toThrow("by hand");
    expect(notes.map((note) => note.work?.stopping)).toEqual([true, undefined]);
  });

  it("is noted as armed in this boot if the one before was to try it, and did not", async () => {
    const { notes, tools, observed } = rig({ config: noConfig, restart: async () => {} });
    const again = { ...work, stopping: true };
    await expect(act({ kind: "ActivateConfig", work: again }, tools, newMemory(), observed("boot-2"))).rejects.toThrow(
      Restarting,
    );
    expect(notes.at(-1)?.work).toMatchObject({ stopping: true, bootId: "boot-2" });
  });
});
