import { describe, expect, it } from "vitest";
import type { Lock } from "../image/lock.ts";
import { FORMATS, MEDIA, refuseMedium } from "./media/index.ts";
import { checkLock, chooseKernel } from "./package-lock.ts";

const packages = { cloud: "linux-image-cloud-amd64", metal: "linux-image-amd64" };
const metal = {
  ...{ name: packages.metal, version: "6.12", architecture: "amd64", sha256: "0".repeat(64), size: 1 },
  ...{ archive: "debian", path: "pool/linux.deb" },
};
const lock: Lock = { format: 1, time: 0, packages: { kernel: [metal] } };

describe("the kernel", () => {
  it("is what the medium usually has, unless another one is asked for by name or by package", () => {
    expect(chooseKernel(packages, undefined, "cloud", undefined)).toBe("linux-image-cloud-amd64");
    expect(chooseKernel(packages, "metal", "cloud", undefined)).toBe("linux-image-amd64");
    expect(chooseKernel(packages, "linux-image-rt-amd64", "cloud", undefined)).toBe("linux-image-rt-amd64");
  });

  it("of a lock stays as it is", () => {
    expect(chooseKernel(packages, undefined, "cloud", lock)).toBeUndefined();
    expect(chooseKernel(packages, "metal", "cloud", lock)).toBe("linux-image-amd64");
  });

  it("cannot be one that the lock does not hold", () => {
    expect(() => chooseKernel(packages, "cloud", "cloud", lock)).toThrow(
      expect.objectContaining({ kind: "config", message: expect.stringContaining("linux-image-cloud-amd64") }),
    );
  });
});

describe("a lock", () => {
  const target = [{ ...metal, name: "shim-signed" }];

  it("is for one processor", () => {
    const ofAll = { ...metal, name: "tzdata", architecture: "all" };
    const both = { ...lock, packages: { root: [ofAll, metal], target } };
    expect(checkLock(both, "amd64")).toBe(both);
    expect(() => checkLock(both, "arm64")).toThrow("The lock is for amd64, and the image for arm64.");
  });

  it("has the boot loader's packages", () => {
    expect(() => checkLock({ ...lock, packages: { root: [metal] } }, "amd64")).toThrow("an older k3os made it");
  });
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

it("media that may get onto a real machine have the kernel for it, others the cloud kernel", () => {
  const withMetal = FORMATS.filter((format) => MEDIA[format].kernel === "metal");
  expect(withMetal).toEqual(["dir", "oci", "iso", "raw", "vmdk", "ova", "vdi"]);
});
