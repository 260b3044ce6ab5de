import { expect, it } from "vitest";
import { parseDrivers } from "./devices.ts";

it("reads the drivers of the disk and of each card, from the device upwards", () => {
  expect(parseDrivers("disk sd usb-storage usb xhci_hcd\ncard e100\ncard\n")).toEqual({
    disk: ["sd", "usb-storage", "usb", "xhci_hcd"],
    cards: [["e100"], []],
  });
  expect(parseDrivers("")).toEqual({ disk: [], cards: [] });
});
