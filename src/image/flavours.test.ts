import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { architectureFor, chooseFlavour, FLAVOURS, type FlavourTable, parseFlavours } from "./flavours.ts";
import { matcher } from "./glob.ts";
import type { Lock } from "./lock.ts";
import { parseImageSpec } from "./spec.ts";

const table = parseFlavours(readFileSync("os/flavours.yaml", "utf8"), "os/flavours.yaml", { debian: "amd64" });
const usual = "cloud";

const own = (yaml: string) => parseImageSpec(`flavours: ${yaml}`, "image.yaml").flavours;

describe("the table of flavours", () => {
  it("has what the architecture's packages are called", () => {
    expect(FLAVOURS.map((name) => table.flavours[name].kernel)).toEqual([
      "linux-image-cloud-amd64",
      "linux-image-amd64",
      "linux-image-amd64",
    ]);
  });

  it("has for every package with firmware which files are in it", () => {
    const { firmware, microcode } = chooseFlavour(table, { asked: "metal", usual });
    for (const name of [...firmware.packages, ...microcode]) expect(table.catalogue).toHaveProperty([name]);
  });

  it("points at a mistake", () => {
    expect(() => parseFlavours("flavours: { cloud: { kernel: 1 } }", "f.yaml", { debian: "amd64" })).toThrow(
      /^f\.yaml:1:30 flavours\.cloud\.kernel: expected string but received 1$/m,
    );
  });
});

describe("the flavour of a build", () => {
  const lockOf = (flavour: string | undefined, kernel: string): Lock => {
    const image = { name: kernel, version: "1", architecture: "amd64", sha256: "0".repeat(64), size: 1 };
    const packages = { kernel: [{ ...image, archive: "debian", path: "pool/linux.deb" }] };
    return { format: 1, time: 0, packages, ...(flavour && { flavour }) };
  };

  it("is the usual one, unless another one is asked for", () => {
    expect(chooseFlavour(table, { usual }).kernel).toBe("linux-image-cloud-amd64");
    expect(chooseFlavour(table, { asked: "metal", usual }).kernel).toBe("linux-image-amd64");
  });

  it("of image.yaml has all that it does not say from another one", () => {
    const realTime = own(
      "{ rt: { from: metal, kernel: linux-image-rt-amd64, firmware: { packages: [firmware-bnx2] } } }",
    );
    const metal = chooseFlavour(table, { asked: "metal", usual });
    expect(chooseFlavour(table, { asked: "rt", usual, own: realTime })).toEqual({
      ...metal,
      name: "rt",
      kernel: "linux-image-rt-amd64",
      firmware: { ...metal.firmware, packages: ["firmware-bnx2"] },
    });
    const bare = chooseFlavour(table, { asked: "a", usual, own: own("{ a: { kernel: linux-image-a } }") });
    expect(bare).toMatchObject({ kernel: "linux-image-a", modules: [], firmware: { packages: [] } });
  });

  it.each<[yaml: string, asked: string, message: RegExp]>([
    ["{}", "arm", /There is no flavour "arm": expected one of cloud, metal, rpi\./],
    ["{ b: { from: c } }", "b", /There is no flavour "c": expected one of cloud, metal, rpi\./],
    ["{ b: { from: metal } }", "c", /expected one of cloud, metal, rpi, b\./],
    ["{ metal: { from: cloud } }", "metal", /flavours\.metal: there is a flavour of that name already/],
  ])("of %s, asked for as %s, is refused", (yaml, asked, message) => {
    expect(() => chooseFlavour(table, { asked, usual, own: own(yaml) })).toThrow(message);
  });

  it("needs a kernel, or one to begin from", () => {
    expect(() => own("{ b: { packages: [iw] } }")).toThrow(/flavours\.b: expected either kernel or from/);
  });

  it("of a lock stays as it is", () => {
    const lock = lockOf("metal", "linux-image-amd64");
    expect(chooseFlavour(table, { usual, lock }).name).toBe("metal");
    expect(chooseFlavour(table, { asked: "metal", usual, lock }).name).toBe("metal");
    expect(() => chooseFlavour(table, { asked: "cloud", usual, lock })).toThrow(
      expect.objectContaining({ kind: "config", message: expect.stringContaining("it was made with metal") }),
    );
    const older = lockOf(undefined, "linux-image-amd64");
    expect(() => chooseFlavour(table, { usual, lock: older })).toThrow(/not of the flavour cloud/);
  });
});

// A row more, such as of another kind of machine, takes no other code.
it("the table's type asks for every flavour by name", () => {
  // @ts-expect-error: `metal` is missing.
  const incomplete: FlavourTable["flavours"] = { cloud: table.flavours.cloud };
  expect(incomplete).toBeDefined();
});

describe("the flavour rpi", () => {
  const { firmware, packages } = chooseFlavour(table, { asked: "rpi", usual });

  it.each([
    ["3 B", "brcm/brcmfmac43430-sdio", "raspberrypi,3-model-b"],
    ["3 A+", "brcm/brcmfmac43455-sdio", "raspberrypi,3-model-a-plus"],
    ["3 B+", "brcm/brcmfmac43455-sdio", "raspberrypi,3-model-b-plus"],
    ["4 B", "brcm/brcmfmac43455-sdio", "raspberrypi,4-model-b"],
    ["400", "brcm/brcmfmac43456-sdio", "raspberrypi,400"],
    ["Compute Module 4", "brcm/brcmfmac43455-sdio", "raspberrypi,4-compute-module"],
    ["Zero 2 W", "brcm/brcmfmac43430b0-sdio", "raspberrypi,model-zero-2-w"],
  ])("leaves out nothing that the Wi-Fi of a %s loads", (_, chip, board) => {
    const cypress = chip.replace("brcm/brcm", "cypress/cy");
    const files = [`${chip}.bin`, `${chip}.clm_blob`, `${chip}.${board}.txt`, `${cypress}.bin`, `${cypress}.clm_blob`];
    expect(files.filter(matcher(firmware.drop))).toEqual([]);
  });

  it("has what Wi-Fi takes besides, and leaves out the firmware of other cards", () => {
    expect(packages).toContain("wpasupplicant");
    expect(firmware.packages).toContain("wireless-regdb");
    expect(Object.keys(firmware.links)).toEqual(["regulatory.db", "regulatory.db.p7s"]);
    expect(matcher(firmware.drop)("brcm/brcmfmac4366c-pcie.bin")).toBe(true);
  });
});

describe("the consoles of a flavour", () => {
  it("are those of the row", () => {
    expect(chooseFlavour(table, { asked: "rpi", usual }).serial).toEqual(["ttyS1"]);
    expect(chooseFlavour(table, { usual }).serial).toBeUndefined();
    const mine = own("{ mine: { from: rpi, serial: [ttyAMA0] } }");
    expect(chooseFlavour(table, { asked: "mine", usual, own: mine }).serial).toEqual(["ttyAMA0"]);
  });

  it.each([
    ["[ttyS0 quiet]", "expected a serial port, such as ttyS1"],
    ['["/dev/ttyS0"]', "expected a serial port, such as ttyS1"],
    ["[]", "expected at least one port"],
  ])("are not %s", (serial, message) => {
    expect(() => own(`{ mine: { from: metal, serial: ${serial} } }`)).toThrow(message);
  });
});

describe("the processor of a build", () => {
  const rpi = chooseFlavour(table, { asked: "rpi", usual });
  const cloud = chooseFlavour(table, { usual });

  it("follows from the flavour, where only one has such machines", () => {
    expect(architectureFor(rpi, undefined, "amd64")).toBe("arm64");
    expect(architectureFor(rpi, "arm64", "amd64")).toBe("arm64");
    expect(architectureFor(cloud, undefined, "amd64")).toBe("amd64");
    expect(architectureFor(cloud, "arm64", "amd64")).toBe("arm64");
  });

  it("is an error where there are no such machines", () => {
    expect(() => architectureFor(rpi, "amd64", "amd64")).toThrow("The flavour rpi is for arm64, not for amd64.");
  });

  it("is that of the flavour that one of image.yaml begins with", () => {
    const mine = chooseFlavour(table, { asked: "pi", usual, own: own("{ pi: { from: rpi, packages: [] } }") });
    expect(mine).toEqual({ ...rpi, name: "pi", packages: [] });
  });
});
