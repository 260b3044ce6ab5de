import { describe, expect, it } from "vitest";
import { ataIdentity, diskIds, type Identity, pageText } from "./names.ts";

const nothing = { vendor: "", model: "", serial: "", wwn: "", page83: new Uint8Array(), unit: "0:0", namespace: "" };

const letters = (text: string) => [...text].map((letter) => letter.charCodeAt(0));
/** Page 0x83 with these identifiers: the code (1 binary, 2 text), what it is of and its kind, and its bytes. */
const page83 = (...all: [code: number, kind: number, bytes: number[]][]) => {
  const identifiers = all.flatMap(([code, kind, bytes]) => [code, kind, 0, bytes.length, ...bytes]);
  return new Uint8Array([0, 0x83, identifiers.length >> 8, identifiers.length & 0xff, ...identifiers]);
};
const naa = [0x50, 0x00, 0xc5, 0x00, 0xa1, 0xb2, 0xc3, 0xd4];

const cases: [what: string, identity: Partial<Identity> & Pick<Identity, "transport">, want: string[]][] = [
  ["virtio", { transport: "virtio", serial: "data 1" }, ["virtio-data_1"]],
  ["virtio without a serial number", { transport: "virtio" }, []],
  [
    "nvme",
    {
      transport: "nvme",
      model: "Samsung SSD 980 PRO 1TB",
      serial: "S5GXNX0R",
      wwn: "eui.002538b911b3e5f4",
      namespace: "1",
    },
    ["nvme-Samsung_SSD_980_PRO_1TB_S5GXNX0R", "nvme-Samsung_SSD_980_PRO_1TB_S5GXNX0R_1", "nvme-eui.002538b911b3e5f4"],
  ],
  [
    "SATA",
    { transport: "ata", vendor: "ATA", model: "WDC WD40EFRX-68N32N0", serial: "WD-WCC7", wwn: "0x50014ee2b5d1f2a3" },
    ["ata-WDC_WD40EFRX-68N32N0_WD-WCC7", "wwn-0x50014ee2b5d1f2a3"],
  ],
  [
    "USB",
    { transport: "usb", vendor: "SanDisk", model: "Ultra Fit", serial: "4C5300011", unit: "0:0" },
    ["usb-SanDisk_Ultra_Fit_4C5300011-0:0"],
  ],
  [
    "USB, second slot, no serial number",
    { transport: "usb", vendor: "Generic-", model: "SD/MMC", unit: "0:1" },
    ["usb-Generic-_SD_MMC-0:1"],
  ],
  ["mmc", { transport: "mmc", model: "SD32G", serial: "0x12345678" }, ["mmc-SD32G_0x12345678"]],
  ["xen", { transport: "other" }, []],
];

describe("diskIds", () => {
  it.each(cases)("%s", (_, identity, want) => expect(diskIds({ ...nothing, ...identity })).toEqual(want));

  const scsi = { ...nothing, transport: "scsi", vendor: "QEMU", model: "QEMU HARDDISK" } as const;

  it("takes SCSI's world wide name before all others", () => {
    const page = page83([2, 0, letters("drive-scsi0")], [2, 1, letters("SEAGATE ST4000  Z1")], [1, 3, naa]);
    expect(diskIds({ ...scsi, page83: page, wwn: "0x5000c500a1b2c3d4" })).toEqual([
      "scsi-35000c500a1b2c3d4",
      "wwn-0x5000c500a1b2c3d4",
    ]);
  });

  it("names the vendor with what only he tells apart", () => {
    expect(diskIds({ ...scsi, serial: "x1", page83: page83([2, 0, letters("x1")]) })).toEqual([
      "scsi-0QEMU_QEMU_HARDDISK_x1",
      "scsi-SQEMU_QEMU_HARDDISK_x1",
    ]);
  });

  it("passes over what is of the port (0x10) and the target (0x20), and over half a page", () => {
    const page = page83([1, 0x13, naa], [1, 0x23, naa], [1, 2, [1, 2, 3, 4, 5, 6, 7, 8]]);
    expect(diskIds({ ...scsi, page83: page })).toEqual(["scsi-20102030405060708"]);
    expect(diskIds({ ...scsi, page83: page.subarray(0, 5) })).toEqual([]);
  });
});

it("ataIdentity reads the whole model, of which SCSI has 16 letters", () => {
  const page = new Uint8Array(60 + 512).fill(0x20);
  const write = (text: string, at: number) => {
    for (const [index, code] of letters(text).entries()) page[60 + at + (index ^ 1)] = code;
  };
  write("S3Z8NB0K500123", 20);
  write("Samsung SSD 860 EVO 500GB", 54);
  expect(ataIdentity(page)).toEqual({ model: "Samsung SSD 860 EVO 500GB", serial: "S3Z8NB0K500123" });
  expect(ataIdentity(new Uint8Array())).toBeUndefined();
});

it("pageText takes as much as the page says", () => {
  expect(pageText(new Uint8Array([0, 0x80, 0, 8, ...letters(" S3Z8NB0rest")]))).toBe("S3Z8NB0");
});
