import { expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { coldplug } from "./coldplug.ts";

it("loads the drivers of the parts of Wi-Fi cards, which are on buses of their own", async () => {
  const aliases = {
    bcma: "bcma:m4243id0812rev1Ecl00",
    ssb: "ssb:v4243id0812rev0D",
    sdio: "sdio:c00v02D0dA9BF",
    mhi: "mhi:IPCR",
  };
  const files = Object.entries(aliases).map(([bus, alias]) => [`/sys/bus/${bus}/devices/x/modalias`, `${alias}\n`]);
  const host = memoryHost({ files: Object.fromEntries(files), programs: { modprobe: () => ({}) } });
  expect(await coldplug(host)).toEqual(new Set(Object.values(aliases)));
  expect(host.ran[0]).toEqual(expect.arrayContaining(Object.values(aliases)));
});
