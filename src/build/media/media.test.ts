import { expect, it } from "vitest";
import { FORMATS, MEDIA } from "./index.ts";

it("media that may get onto a real machine are for it, others for virtual ones", () => {
  const metal = FORMATS.filter((format) => MEDIA[format].flavour === "metal");
  expect(metal).toEqual(["dir", "oci", "iso", "raw", "vmdk", "ova", "vdi"]);
});
