import { describe, expect, it } from "vitest";
import { type FirmwareFile, neededFirmware, packageOf } from "./firmware.ts";

const files = (...all: (string | FirmwareFile)[]): FirmwareFile[] =>
  all.map((file) => (typeof file === "string" ? { path: file } : file));

const needed = (asked: string[], ...all: (string | FirmwareFile)[]) => [...neededFirmware(asked, files(...all))].sort();

describe("the firmware that drivers need", () => {
  it("is what they ask for by name, and nothing else", () => {
    expect(needed(["rtl_nic/a.fw", "gone.bin"], "rtl_nic/a.fw", "rtl_nic/b.fw", "a.fw")).toEqual(["rtl_nic/a.fw"]);
  });

  it("is all that a pattern names within a directory", () => {
    expect(
      needed(["ath11k/X/*", "brcm/b*-sdio.*.txt"], "ath11k/X/m3.bin", "ath11k/Y/m3.bin", "brcm/b43-sdio.A,b c.txt"),
    ).toEqual(["ath11k/X/m3.bin", "brcm/b43-sdio.A,b c.txt"]);
  });

  it("is the newest version that the driver knows", () => {
    const versions = ["iwl-so-a0-72.ucode", "iwl-so-a0-86.ucode", "iwl-so-a0-92.ucode", "iwl-ty-a0-88.ucode"];
    expect(needed(["iwl-so-a0-89.ucode"], ...versions)).toEqual(["iwl-so-a0-86.ucode"]);
    expect(needed(["iwl-so-a0-92.ucode"], ...versions)).toEqual(["iwl-so-a0-92.ucode"]);
    expect(needed(["rtw_fw-1.bin"], "rtw_fw.bin")).toEqual(["rtw_fw.bin"]);
    expect(needed(["iwl-so-a0-9.ucode"], ...versions)).toEqual([]);
  });

  it("is what a link points to, over directories and further links", () => {
    const link = { path: "brcm/a.bin", target: "../cypress/b.bin" };
    const further = { path: "cypress/b.bin", target: "./c.bin" };
    expect(needed(["brcm/a.bin"], link, further, "cypress/c.bin", "c.bin")).toEqual([
      "brcm/a.bin",
      "cypress/b.bin",
      "cypress/c.bin",
    ]);
    const absolute = { path: "d.bin", target: "/usr/lib/firmware/cypress/c.bin" };
    expect(needed(["d.bin"], absolute, "cypress/c.bin")).toEqual(["cypress/c.bin", "d.bin"]);
  });

  it("is no link to what is not there", () => {
    expect(needed(["a.bin"], { path: "a.bin", target: "b.bin" })).toEqual([]);
  });

  it("may be compressed", () => {
    expect(needed(["a.bin", "b/*"], "a.bin.zst", "b/c.fw.xz")).toEqual(["a.bin.zst", "b/c.fw.xz"]);
  });
});

it("the catalogue tells which package has a file", () => {
  const catalogue = { "firmware-realtek": ["{rtl_nic,rtw88}/**"], "firmware-iwlwifi": ["iwlwifi-*"] };
  expect(packageOf("rtw88/rtw8821c_fw.bin", catalogue)).toBe("firmware-realtek");
  expect(packageOf("iwlwifi-cc-a0-77.ucode", catalogue)).toBe("firmware-iwlwifi");
  expect(packageOf("other.bin", catalogue)).toBeUndefined();
});
