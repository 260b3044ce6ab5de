import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { claim } from "./claim.ts";

const dir = mkdtempSync(join(tmpdir(), "k3os-claim-"));
afterAll(() => rmSync(dir, { recursive: true }));
const path = join(dir, "claim");

it("is held by one at a time", () => {
  const held = claim(path, "a");
  expect(() => claim(path, "a")).toThrow(/Another command .* is starting or stopping the machine "a"/);
  held.release();
  claim(path, "a").release();
  expect(existsSync(path)).toBe(false);
});

it("ends with its holder", () => {
  writeFileSync(path, JSON.stringify({ pid: process.pid, start: 1, boot: "long ago" }));
  claim(path, "a").release();
});

it("is not kept by a file that makes no sense", () => {
  writeFileSync(path, "");
  claim(path, "a").release();
});

it("leaves no files behind", () => {
  expect(readdirSync(dir)).toEqual([]);
});
