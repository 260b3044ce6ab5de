import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ARCHITECTURES, type ArchitectureName } from "../image/architecture.ts";
import { chooseFlavour, type FlavourName, parseFlavours } from "../image/flavours.ts";
import type { Lock, LockedPackage } from "../image/lock.ts";
import { parseBaseSpec, parseImageSpec } from "../image/spec.ts";
import { identity } from "./identity.ts";
import { diskModules } from "./initrd.ts";
import { FORMATS, type Format, MEDIA } from "./media/index.ts";
import { findProject } from "./project.ts";
import { makeDevImage, makeImage } from "./recipe.ts";
import type { Step } from "./steps.ts";
import type { MadeImage, Workshop } from "./workshop.ts";

/** What a step depends on: its maker, the names of its parts, and the steps whose results are among them. */
interface Node {
  readonly maker: string;
  readonly parts: readonly string[];
  readonly from: readonly string[];
}

const directory = mkdtempSync(join(tmpdir(), "recipe-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const locked = (name: string): LockedPackage => ({
  ...{ name, version: "1", architecture: "amd64", sha256: "0".repeat(64), size: 1 },
  ...{ archive: "debian", path: `pool/${name}.deb` },
});
const lock: Lock = {
  format: 1,
  time: 0,
  packages: {
    root: [locked("bash")],
    kernel: [locked("linux-image-amd64")],
    target: [locked("shim-signed")],
    tools: [locked("mtools")],
  },
};
const withFirmware: Lock = { ...lock, packages: { ...lock.packages, firmware: [locked("firmware-realtek")] } };

const flavoursText = readFileSync(join(findProject(), "os/flavours.yaml"), "utf8");
const flavoursFor = (architecture: ArchitectureName) =>
  parseFlavours(flavoursText, "os/flavours.yaml", ARCHITECTURES[architecture]);

/** What later steps read of the results of earlier ones. */
const results: Readonly<Record<string, readonly [path: string, text: string]>> = {
  "kernel-packages": ["usr/lib/modules/6.12/modules.dep", ""],
  "firmware-packages": ["files/rtl_nic/rtl8168g-2.fw", ""],
  kube: ["version", "v1.37.2+k3os1"],
  image: ["image.json", "{}"],
};

type Graph = Readonly<Record<string, Node>>;

/** A workshop that makes nothing, and the graph of the steps that it was asked for. */
function recordingWorkshop(
  spec = "",
  flavour: FlavourName = "cloud",
  architecture: ArchitectureName = "amd64",
): { readonly shop: Workshop; readonly graph: Graph; readonly parts: Readonly<Record<string, unknown>> } {
  const graph: Record<string, Node> = {};
  const allParts: Record<string, unknown> = {};
  const paths = new Map<string, string>();
  const project = findProject();
  const place = mkdtempSync(join(directory, "results-"));
  const shop: Workshop = {
    ...{
      project,
      specDirectory: project,
      version: "1.0",
      architecture,
      host: "amd64",
      flavour: chooseFlavour(flavoursFor(architecture), { asked: flavour, usual: "cloud" }),
      flavours: flavoursFor(architecture),
      givenLock: undefined,
    },
    spec: parseImageSpec(spec, "image.yaml"),
    base: parseBaseSpec(readFileSync(join(project, "os/base.yaml"), "utf8"), "os/base.yaml", {
      architecture,
      host: "amd64",
    }),
    runner: {
      ...{ signal: new AbortController().signal, used: new Set(), made: false },
      async run<P>({ name, maker, parts }: Step<P>) {
        const text = JSON.stringify(identity(parts));
        const from = [...paths].filter(([, path]) => text.includes(path)).map(([step]) => step);
        allParts[name] = parts;
        graph[name] = { maker, parts: Object.keys(parts as object).sort(), from: from.sort() };
        const path = join(place, `${name}.result`);
        paths.set(name, path);
        const [file, content] = results[name] ?? ["file", ""];
        mkdirSync(join(path, file, ".."), { recursive: true });
        writeFileSync(join(path, file), content);
        return path;
      },
    },
    packages: {
      resolve: async () => (flavour === "cloud" ? lock : withFirmware),
      fetch: async () => {},
      debs: "/debs",
    },
    releases: { resolve: async (version) => ({ version, sha256: "0".repeat(64) }), fetch: async () => "" },
  };
  return { shop, graph, parts: allParts };
}

/** The parts of an image that each of its media depends on. */
const imageAndTools = ["image", "kube", "loader", "target-packages", "tools-packages"];

describe("the steps of a build", () => {
  const { shop, graph } = recordingWorkshop();
  let made: MadeImage;
  let image: Graph;
  beforeAll(async () => {
    made = await makeImage(shop);
    image = { ...graph };
  });

  it("depend on each other as the recipe says", () => {
    expect(image).toEqual({
      "tools-packages": { maker: "tools", parts: ["drop", "packages"], from: [] },
      "target-packages": { maker: "tools", parts: ["drop", "packages"], from: [] },
      "root-packages": {
        maker: "packages",
        parts: ["applets", "finish", "isNative", "packages", "tools"],
        from: ["tools-packages"],
      },
      "kernel-packages": { maker: "kernel", parts: ["drop", "keep", "packages", "tools"], from: ["tools-packages"] },
      loader: {
        maker: "loader",
        parts: ["architecture", "target", "tools"],
        from: ["target-packages", "tools-packages"],
      },
      kube: { maker: "kube", parts: ["architecture", "source"], from: [] },
      initrd: {
        maker: "initrd",
        parts: [
          "applets",
          "architecture",
          "firmware",
          "kernel",
          "modules",
          "overlays",
          "packages",
          "program",
          "time",
          "tools",
        ],
        from: ["kernel-packages", "root-packages", "tools-packages"],
      },
      squashfs: {
        maker: "root",
        parts: [
          ...["added", "addedFiles", "catalogue", "firmware", "image", "kernel", "kube", "level", "loader", "modes"],
          ...["overlays", "packages", "program", "tools"],
        ],
        from: ["kernel-packages", "kube", "loader", "root-packages", "tools-packages"],
      },
      image: {
        maker: "image",
        parts: ["description", "files", "lock"],
        from: ["initrd", "kernel-packages", "squashfs"],
      },
    });
  });

  it.each(FORMATS)("of the medium %s stand on those of the image", async (format) => {
    const own: Readonly<Record<Format, Graph>> = {
      image: {},
      dir: {},
      oci: {
        upgrader: {
          maker: "upgrader",
          parts: ["script", "target", "tools"],
          from: ["target-packages", "tools-packages"],
        },
        oci: { maker: "oci", parts: ["image", "upgrader"], from: [...imageAndTools, "upgrader"] },
      },
      iso: { iso: { maker: "iso", parts: ["image"], from: imageAndTools } },
      netboot: {
        netboot: {
          maker: "netboot",
          parts: ["image", "initrd"],
          from: [...imageAndTools, "kernel-packages", "root-packages"].sort(),
        },
      },
      raw: rawDisk,
      ...{ qcow2: disk("qcow2"), vmdk: disk("vmdk"), ova: disk("ova"), vhd: disk("vhd"), vdi: disk("vdi") },
    };
    await MEDIA[format].make(shop, made, {});
    for (const [name, node] of Object.entries(own[format])) expect([name, graph[name]]).toEqual([name, node]);
    const others = FORMATS.flatMap((other) => Object.keys(own[other]));
    expect(Object.keys(graph).filter((name) => !others.includes(name))).toEqual(Object.keys(image));
  });

  it("make only the initrd of a dev image from what one works on", async () => {
    const dev = recordingWorkshop();
    await makeDevImage(dev.shop);
    expect(dev.graph["dev-initrd"]).toEqual({
      maker: "devInitrd",
      parts: ["initrd", "overlay", "program", "time"],
      from: ["initrd"],
    });
    expect(dev.graph.image?.from).toEqual(["dev-initrd", "kernel-packages", "squashfs"]);
    expect(dev.parts.squashfs).toMatchObject({ program: new Map(), overlays: [] });
  });

  it("take the firmware that the kernel's modules ask for, where the flavour has some", async () => {
    const metal = recordingWorkshop("", "metal");
    await makeImage(metal.shop);
    expect(metal.graph["firmware-packages"]).toEqual({
      maker: "firmware",
      parts: ["asks", "catalogue", "drop", "kernel", "links", "packages", "time", "tools"],
      from: ["kernel-packages", "tools-packages"],
    });
    expect(metal.graph.initrd?.from).toContain("firmware-packages");
    expect(metal.graph.squashfs?.from).toContain("firmware-packages");
  });

  it("give the disk of a board what its firmware reads", async () => {
    const rpi = recordingWorkshop("", "rpi", "arm64");
    await MEDIA.raw.make(rpi.shop, await makeImage(rpi.shop), {});
    expect(rpi.graph["boot-packages"]).toEqual({
      maker: "bootFirmware",
      parts: ["files", "kernel", "packages", "texts"],
      from: ["kernel-packages"],
    });
    expect(rpi.graph.raw?.from).toContain("boot-packages");
    expect(rpi.parts.image).toMatchObject({ description: { boot: "raspberry-pi", kernel: { serial: ["ttyS1"] } } });
  });

  it("take an official k3s in the place of Kubernetes", async () => {
    const other = recordingWorkshop("kubernetes: { source: k3s, version: v1.34.1+k3s1 }");
    await makeImage(other.shop);
    const { k3s, kube, squashfs } = other.graph;
    expect(k3s).toEqual({ maker: "k3s", parts: ["release"], from: [] });
    expect(kube).toBeUndefined();
    expect(squashfs?.from).toContain("k3s");
  });
});

describe("the modules of the initrd", () => {
  const modulesFor = (flavour: FlavourName) => diskModules(recordingWorkshop("", flavour).shop);

  it("find sticks, disks and keyboards of real machines where it is for those", () => {
    const metal = modulesFor("metal");
    for (const module of ["usb-storage", "uas", "xhci_pci", "ehci_pci", "ohci_pci", "usbhid", "sd_mod", "sr_mod"])
      expect(metal).toContain(module);
    for (const module of ["ahci", "ata_piix", "nvme", "drivers/ata/{ata,sata}_*", "mmc_block"])
      expect(metal).toContain(module);
  });

  it("are those of virtual machines otherwise", () => {
    expect(modulesFor("cloud")).not.toContain("usbhid");
    expect(modulesFor("cloud")).toContain("virtio_blk");
  });
});

const rawDisk = { raw: { maker: "disk", parts: ["image", "options"], from: imageAndTools } };

function disk(format: string): Graph {
  const parts = ["format", "image", "raw", "secret"];
  return { ...rawDisk, [format]: { maker: "virtualDisk", parts, from: [...imageAndTools, "raw"].sort() } };
}
