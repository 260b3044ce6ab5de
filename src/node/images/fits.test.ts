import { expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { requireFit } from "./fits.ts";

const pc = { architecture: "amd64", flavour: "metal" } as const;
const pi = { architecture: "amd64", flavour: "rpi", boot: "raspberry-pi" } as const;
const on = (own: object) => memoryHost({ files: { "/usr/share/k3os/image.json": JSON.stringify(own) } });
const refusal = (own: object, image: object) => {
  try {
    requireFit(on(own), "/images/x", image);
  } catch (error) {
    return error;
  }
};

it("takes an image for machines of this kind, whatever its flavour is", () => {
  expect(refusal(pc, { ...pc, flavour: "cloud" })).toBeUndefined();
  expect(refusal(pi, { ...pi, flavour: "mine" })).toBeUndefined();
});

it("takes one that tells nothing for one of a PC", () => {
  expect(refusal(pc, {})).toBeUndefined();
  expect(refusal({}, pc)).toBeUndefined();
});

it("refuses one for another processor", () => {
  expect(refusal(pc, { architecture: "arm64" })).toMatchObject({
    message: "/images/x is an image for arm64, and this machine is amd64",
    hint: "One for it: ./k3os build --arch amd64",
  });
});

it("refuses one whose machines boot from another firmware", () => {
  expect(refusal(pi, pc)).toMatchObject({
    message: "/images/x is an image for a machine with UEFI or BIOS, and this is a Raspberry Pi",
    hint: "One for it: ./k3os build --arch amd64 --flavour rpi",
  });
  expect(refusal(pc, pi)).toMatchObject({
    message: "/images/x is an image for a Raspberry Pi, and this is a machine with UEFI or BIOS",
    hint: "One for it: ./k3os build --arch amd64 --flavour metal",
  });
});

it("refuses one whose firmware it does not know, by its name", () => {
  expect(refusal(pc, { ...pc, boot: "banana" })).toMatchObject({
    message: "/images/x is an image for a banana, and this is a machine with UEFI or BIOS",
  });
});
