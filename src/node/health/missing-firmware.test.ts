import { describe, expect, it } from "vitest";
import { describeMissing, type Image, missingFirmware } from "./missing-firmware.ts";

const CATALOGUE: Readonly<Record<string, string>> = { e100: "firmware-intel-misc", ath10k: "firmware-atheros" };

const image = (files: readonly string[] = [], change: Partial<Image> = {}): Image => ({
  holds: () => false,
  isInMetal: () => false,
  packageOf: (file) => (file.startsWith("iwlwifi-") ? "firmware-iwlwifi" : CATALOGUE[file.split("/")[0] ?? ""]),
  filesBeside: () => files,
  ...change,
});

/** What Debian's kernel says when a driver does not find a file. */
const failed = (device: string, file: string, error = -2) =>
  `[    4.180351] ${device}: firmware: failed to load ${file} (${error})\n` +
  `[    4.180436] ${device}: Direct firmware load for ${file} failed with error ${error}\n`;
/** What it says when the driver asked without a warning. */
const quietly = (device: string, file: string) => `[    4.18] ${device}: firmware: failed to load ${file} (-2)\n`;

const iwlwifi = (...versions: number[]) =>
  versions.map((version) => failed("iwlwifi 0000:00:14.3", `iwlwifi-so-a0-hr-b0-${version}.ucode`)).join("");

const filesOf = (log: string, files: readonly string[] = []) =>
  missingFirmware(log, image(files)).map(({ device, file }) => `${device}: ${file}`);

describe("missingFirmware", () => {
  it("names device, file and package, once for all times that it was asked for", () => {
    const log = failed("e100 0000:00:03.0", "e100/d101s_ucode.bin");
    expect(missingFirmware(`${log}[ 5.0] e100: ready\n${log}`, image())).toEqual([
      {
        device: "e100 0000:00:03.0",
        file: "e100/d101s_ucode.bin",
        package: "firmware-intel-misc",
        remedy: "add firmware-intel-misc to `firmware.packages` of a flavour of your own",
      },
    ]);
  });

  it("names each device that lacks the file", () => {
    const log = ["0000:00:03.0", "0000:00:04.0"].map((at) => failed(`e100 ${at}`, "e100/d101s_ucode.bin")).join("");
    expect(filesOf(log)).toHaveLength(2);
  });

  it("tells of the newest version alone if the image has none", () => {
    expect(filesOf(iwlwifi(89, 88, 87))).toEqual(["iwlwifi 0000:00:14.3: iwlwifi-so-a0-hr-b0-89.ucode"]);
    const long = ["7.13.21.0", "7.13.15.0"].map((one) => failed("bnx2x 0000:04:00.0", `bnx2x/bnx2x-e2-${one}.fw`));
    expect(filesOf(long.join(""))).toEqual(["bnx2x 0000:04:00.0: bnx2x/bnx2x-e2-7.13.21.0.fw"]);
  });

  it("is silent about a card that took an older version in the end", () => {
    expect(filesOf(iwlwifi(89, 88, 87), ["iwlwifi-so-a0-hr-b0-86.ucode"])).toEqual([]);
    expect(filesOf(iwlwifi(89), ["iwlwifi-so-a0-hr-b0-88.ucode.zst"])).toEqual([]);
    expect(filesOf(failed("rtw89_8852be 0000:01:00.0", "rtw89/a_fw-1.bin"), ["rtw89/a_fw.bin"])).toEqual([]);
  });

  it("is not deceived by a version that the driver does not take, or by one for another card", () => {
    expect(filesOf(iwlwifi(89, 88, 87), ["iwlwifi-so-a0-hr-b0-72.ucode"])).toHaveLength(1);
    expect(filesOf(iwlwifi(72, 71), ["iwlwifi-so-a0-hr-b0-89.ucode", "iwlwifi-ty-a0-gf-a0-59.ucode"])).toHaveLength(1);
  });

  it("is silent about what a driver does without", () => {
    expect(filesOf(quietly("iwlwifi 0000:00:14.3", "iwl-debug-yoyo.bin"))).toEqual([]);
    expect(filesOf(quietly("ath10k_pci 0000:3a:00.0", "ath10k/cal-pci-0000:3a:00.0.bin"))).toEqual([]);
    expect(filesOf(failed("brcmfmac mmc1:0001:1", "brcm/brcmfmac43455-sdio.txcap_blob"))).toEqual([]);
  });

  it("tells what a driver needs, and asked for without a warning", () => {
    const log = [6, 5, 4].map((api) => quietly("ath10k_pci 0000:3a:00.0", `ath10k/QCA6174/hw3.0/firmware-${api}.bin`));
    expect(filesOf(log.join(""))).toEqual(["ath10k_pci 0000:3a:00.0: ath10k/QCA6174/hw3.0/firmware-6.bin"]);
    expect(filesOf(log.slice(0, 2).join(""), ["ath10k/QCA6174/hw3.0/firmware-4.bin"])).toEqual([]);
  });

  it("takes the file of a chip for that of its board, whatever a board is called", () => {
    const log = failed("brcmfmac 0000:03:00.0", "brcm/brcmfmac43602-pcie.Apple Inc.-MacBookPro12,1.bin");
    expect(filesOf(log, ["brcm/brcmfmac43602-pcie.bin"])).toEqual([]);
    expect(filesOf(log + failed("brcmfmac 0000:03:00.0", "brcm/brcmfmac43602-pcie.bin"))).toHaveLength(1);
  });

  it("leaves other errors to the log: a file that is there and cannot be read", () => {
    expect(filesOf(failed("e100 0000:00:03.0", "e100/d101s_ucode.bin", -12))).toEqual([]);
    expect(filesOf("[ 1.0] e100 0000:00:03.0: some firmware: failed to load\n")).toEqual([]);
  });

  it("has a way out for each case", () => {
    const [log, other] = [failed("e100 0:3", "e100/x.bin"), failed("foo 0:4", "foo/x.bin")];
    const remedy = (text: string, change: Partial<Image>) => missingFirmware(text, image([], change))[0]?.remedy;
    expect(remedy(log, { isInMetal: (name) => name === "firmware-intel-misc" })).toMatch(
      /of a flavour of your own, or take the flavour metal$/,
    );
    expect(remedy(log, { holds: (name) => name === "firmware-intel-misc" })).toBe(
      "the image has firmware-intel-misc without it; name it in `firmware.asks` of a flavour of your own",
    );
    expect(remedy(other, {})).toContain("`files` of image.yaml");
  });
});

it("describeMissing says it in a sentence", () => {
  const [missing] = missingFirmware(failed("e100 0000:00:03.0", "e100/d101s_ucode.bin"), image());
  expect(missing && describeMissing(missing)).toBe(
    "e100 0000:00:03.0 did not find e100/d101s_ucode.bin: " +
      "add firmware-intel-misc to `firmware.packages` of a flavour of your own (docs/hardware.md)",
  );
});
