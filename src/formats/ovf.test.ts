import { describe, expect, it } from "vitest";
import { ova, ovfDescriptor } from "./ovf.ts";

const machine = {
  name: "k3os",
  version: "1.0",
  cpus: 2,
  memoryMiB: 2048,
  capacity: 16 * 2 ** 30,
  vmdk: new Uint8Array(700),
};

describe("an OVA", () => {
  const names = (bytes: Uint8Array) => {
    const found: string[] = [];
    for (let at = 0; (bytes[at] ?? 0) !== 0; ) {
      const field = (offset: number, length: number) =>
        new TextDecoder().decode(bytes.subarray(at + offset, at + offset + length)).replace(/\0.*/s, "");
      found.push(field(0, 100));
      at += 512 + Math.ceil(Number.parseInt(field(124, 12), 8) / 512) * 512;
    }
    return found;
  };

  it("has the descriptor first and the disk last", () => {
    expect(names(ova(machine, () => "abc"))).toEqual(["k3os.ovf", "k3os.mf", "k3os.vmdk"]);
  });

  it("has a descriptor whose elements are closed, and whose references lead somewhere", () => {
    const xml = ovfDescriptor(machine);
    const open: string[] = [];
    for (const [, close, name = "", , empty] of xml.matchAll(/<(\/?)([\w:]+)((?:\s[^>]*?)?)(\/?)>/g)) {
      if (close) expect(open.pop()).toBe(name);
      else if (!empty) open.push(name);
    }
    expect(open).toEqual([]);
    expect(xml).toContain('ovf:diskId="disk" ovf:fileRef="file" ovf:capacity="17179869184"');
    expect(xml).toContain("<rasd:HostResource>ovf:/disk/disk</rasd:HostResource>");
    expect(xml).toContain('ovf:href="k3os.vmdk" ovf:size="700"');
  });

  // rasd's elements are an xs:sequence in alphabetical order; VMware refuses another one.
  it("lists the properties of an item in alphabetical order", () => {
    for (const [, body = ""] of ovfDescriptor(machine).matchAll(/<Item>(.*?)<\/Item>/gs)) {
      const keys = [...body.matchAll(/<rasd:(\w+)>/g)].map(([, key]) => key);
      expect(keys).toEqual([...keys].sort());
    }
  });
});
