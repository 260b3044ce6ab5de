import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { dropPaths } from "./extract.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "drop-"));
  for (const path of ["net/wireless/intel/iwl.ko", "net/wireless/ath/ath.ko", "net/can/can.ko", "net/veth.ko"]) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "");
  }
});
afterEach(() => rmSync(root, { recursive: true }));

const left = () => readdirSync(root, { recursive: true, encoding: "utf8" }).sort();

describe("dropPaths", () => {
  it("drops what the patterns name, and directories that are empty then", () => {
    dropPaths(root, ["net/{wireless,can}/**"], { prefix: "" });
    expect(left()).toEqual(["net", "net/veth.ko"]);
  });

  it("keeps what is to be kept below what goes", () => {
    dropPaths(root, ["net/{wireless,can}/**"], { prefix: "", keep: ["net/wireless/intel/**"] });
    expect(left()).toEqual(["net", "net/veth.ko", "net/wireless", "net/wireless/intel", "net/wireless/intel/iwl.ko"]);
  });
});
