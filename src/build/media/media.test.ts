import { expect, it } from "vitest";
import { FORMATS, MEDIA, refuseBoard, refuseMedium } from "./index.ts";

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

it("boards boot from cards, and take the files of an image", () => {
  const rpi = { name: "rpi", boot: "raspberry-pi" } as const;
  const taken = FORMATS.filter((format) => MEDIA[format].forBoards);
  expect(taken).toEqual(["image", "dir", "oci", "raw"]);
  for (const format of taken) expect(() => refuseBoard(format, rpi)).not.toThrow();
  expect(() => refuseBoard("iso", rpi)).toThrow("No machine of the flavour rpi boots from --format iso.");
  expect(() => refuseBoard("raw", rpi, 4096)).toThrow("No machine of the flavour rpi boots from --sector-size 4096.");
  expect(() => refuseBoard("iso", { name: "metal" })).not.toThrow();
});
