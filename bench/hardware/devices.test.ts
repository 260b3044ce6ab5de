import { expect, it } from "vitest";
import { parseDrivers } from "./devices.ts";

it("reads the drivers of the disk and of each card, from the device upwards", () => {
  expect(
    parseDrivers("disk sd usb-storage usb xhci_hcd\ncard e100\ncard\npath pci-0000:00:04.0-usb-0:1:1.0-scsi-0:0:0:0\n"),
  ).toEqual({
    disk: ["sd", "usb-storage", "usb", "xhci_hcd"],
    cards: [["e100"], []],
    paths: ["pci-0000:00:04.0-usb-0:1:1.0-scsi-0:0:0:0"],
  });
  expect(parseDrivers("")).toEqual({ disk: [], cards: [], paths: [] });
});
