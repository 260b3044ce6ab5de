import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { silent } from "../../progress.ts";
import { imageToInstall } from "./image.ts";
import { imageJson, installerMachine, IMAGE_ON_MEDIUM as medium } from "./testing.ts";

describe("imageToInstall", () => {
  it("is that of the medium that this system runs from, which no key is asked for", async () => {
    expect(await imageToInstall(installerMachine(), { image_key: "ssh-ed25519 AAAA release" }, silent)).toMatchObject({
      directory: medium,
      json: { version: "1.0" },
    });
  });

  it("says what to do when there is none", async () => {
    await expect(imageToInstall(memoryHost(), {}, silent)).rejects.toMatchObject({
      hint: expect.stringContaining("--image"),
    });
  });

  it("is the one that the settings name, and must be signed by their key", async () => {
    const host = installerMachine();
    const settings = { iso_url: medium, image_key: "ssh-ed25519 AAAA release" };
    await expect(imageToInstall(host, settings, silent)).rejects.toThrow(
      `there is no signature of ${medium}/image.json, which image_key asks for`,
    );
  });

  it("makes no disk for firmware that reads it", async () => {
    const card = JSON.stringify({ ...JSON.parse(imageJson("1.0")), flavour: "rpi", boot: "raspberry-pi" });
    const paths = ["/usr/share/k3os/image.json", `${medium}/image.json`];
    const host = installerMachine({ existing: Object.fromEntries(paths.map((path) => [path, card])) });
    await expect(imageToInstall(host, {}, silent)).rejects.toMatchObject({
      message: "a Raspberry Pi does not start from a disk that is installed",
      hint: "Write one that is built: ./k3os build --flavour rpi --format raw",
    });
  });
});
