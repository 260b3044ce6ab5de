import { expect, it } from "vitest";
import { FORMATS, MEDIA, refuseMedium } from "./index.ts";

it("media that may get onto a real machine are for it, others for virtual ones", () => {
  const metal = FORMATS.filter((format) => MEDIA[format].flavour === "metal");
  expect(metal).toEqual(["dir", "oci", "iso", "raw", "vmdk", "ova", "vdi"]);
});

it("a whole machine for VMware and VirtualBox is an amd64 one", () => {
  const refused = FORMATS.filter((format) => {
    try {
      return refuseMedium(format, "arm64");
    } catch {
      return true;
    }
  });
  expect(refused).toEqual(["ova"]);
  expect(() => refuseMedium("ova", "arm64")).toThrow("--format ova is for amd64, not for arm64.");
});
