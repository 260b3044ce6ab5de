import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ARCHITECTURES, type ArchitectureName } from "../image/architecture.ts";
import { chooseFlavour, type FlavourName, parseFlavours } from "../image/flavours.ts";
import type { Lock } from "../image/lock.ts";
import { parseBaseSpec, parseImageSpec } from "../image/spec.ts";
import type { PackageSet } from "./apt.ts";
import { checkLock, lockPackages } from "./package-lock.ts";

const metal = {
  ...{ name: "linux-image-amd64", version: "6.12", architecture: "amd64", sha256: "0".repeat(64), size: 1 },
  ...{ archive: "debian", path: "pool/linux.deb" },
};
const lock: Lock = { format: 1, time: 0, packages: { kernel: [metal] } };

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

describe("the packages of a flavour", () => {
  const read = (path: string) => readFileSync(path, "utf8");

  async function ask(asked: FlavourName, architecture: ArchitectureName) {
    const flavours = parseFlavours(read("os/flavours.yaml"), "os/flavours.yaml", ARCHITECTURES[architecture]);
    let question: Readonly<Record<string, PackageSet>> = {};
    const { flavour } = await lockPackages({
      ...{ architecture, host: "amd64", flavours, givenLock: undefined },
      flavour: chooseFlavour(flavours, { asked, usual: "cloud" }),
      base: parseBaseSpec(read("os/base.yaml"), "os/base.yaml", { architecture, host: "amd64" }),
      spec: parseImageSpec("", "image.yaml"),
      packages: {
        resolve: async (sets) => {
          question = sets;
          return lock;
        },
      },
    });
    return { flavour, question };
  }

  it("are for the node's processor, with microcode where that takes some", async () => {
    const [amd64, arm64] = [await ask("metal", "amd64"), await ask("metal", "arm64")];
    expect([amd64.flavour, arm64.flavour]).toEqual(["metal", "metal"]);
    expect(amd64.question.kernel?.packages).toEqual(["linux-image-amd64"]);
    expect(arm64.question.kernel?.packages).toEqual(["linux-image-arm64"]);
    expect(amd64.question.firmware?.packages).toContain("intel-microcode");
    expect(arm64.question.firmware?.packages.filter((name) => name.endsWith("-microcode"))).toEqual([]);
    const { firmware, root, tools } = arm64.question;
    expect([firmware, root, tools].map((set) => set?.architecture)).toEqual(["arm64", "arm64", "amd64"]);
    expect(root?.packages).toContain("wpasupplicant");
  });

  it("are besides those that the firmware of a board is in", async () => {
    const { question } = await ask("rpi", "arm64");
    expect(question.boot).toEqual({
      ...{ architecture: "arm64", packages: ["raspi-firmware", "u-boot-rpi"], exclude: ["dosfstools"] },
    });
    expect((await ask("metal", "arm64")).question).not.toHaveProperty("boot");
  });

  it("have no firmware where it has none", async () => {
    expect((await ask("cloud", "amd64")).question).not.toHaveProperty("firmware");
  });
});
