import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type MachineRecord, readRecord, stateOf, writeRecord } from "./record.ts";

const dir = mkdtempSync(join(tmpdir(), "k3os-record-"));
afterAll(() => rmSync(dir, { recursive: true }));

const record: MachineRecord = {
  format: 1,
  name: "a",
  architecture: "amd64",
  phase: "ready",
  process: { pid: 1, start: 2, boot: "b" },
  started: "2026-01-01T00:00:00.000Z",
  boot: { kind: "image", dir: "/img" },
  toolsRoot: "/tools",
  accel: "tcg",
  memoryMiB: 1024,
  cpus: 2,
  ports: { ssh: 1, api: 2 },
};

describe("the state of a machine", () => {
  it.each([
    ["ready", true, "running"],
    ["starting", true, "running"],
    ["ready", false, "crashed"],
    ["starting", false, "crashed"],
    ["stopped", false, "stopped"],
    ["failed", false, "failed"],
  ] as const)("phase %s, process there: %s → %s", (phase, alive, wanted) => {
    expect(stateOf({ ...record, phase }, () => alive)).toBe(wanted);
  });
});

it("is read as it was written", () => {
  const path = join(dir, "machine.json");
  writeRecord(path, record);
  expect(readRecord(path)).toEqual(record);
});

it("is not taken from a half-written file or another format", () => {
  const path = join(dir, "other.json");
  expect(readRecord(path)).toBeUndefined();
  writeFileSync(path, '{"format":');
  expect(readRecord(path)).toBeUndefined();
  writeFileSync(path, '{"format":2}');
  expect(readRecord(path)).toBeUndefined();
});

it("is of amd64 if it was written before there was anything else", () => {
  const path = join(dir, "old.json");
  const { architecture: _, ...old } = record;
  writeFileSync(path, JSON.stringify(old));
  expect(readRecord(path)?.architecture).toBe("amd64");
});
