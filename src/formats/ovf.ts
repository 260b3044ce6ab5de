/** A virtual machine as VMware and VirtualBox import it (DMTF DSP0243, Open Virtualization Format 1.1). */
import { text } from "./bytes.ts";
import { tar } from "./tar.ts";

export interface VirtualMachine {
  readonly name: string;
  readonly version: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  /** What the guest sees of its disk, in bytes. */
  readonly capacity: number;
  /** The disk as a stream-optimized VMDK. */
  readonly vmdk: Uint8Array;
}

/** The archive (OVA): descriptor, sums, disk, in the order that importers ask for. */
export function ova(machine: VirtualMachine, sha256: (bytes: Uint8Array) => string): Uint8Array {
  const descriptor = text(ovfDescriptor(machine));
  const disk = `${machine.name}.vmdk`;
  const sums = [`SHA256(${machine.name}.ovf)= ${sha256(descriptor)}`, `SHA256(${disk})= ${sha256(machine.vmdk)}`];
  return tar([
    { path: `${machine.name}.ovf`, data: descriptor },
    { path: `${machine.name}.mf`, data: text(`${sums.join("\n")}\n`) },
    { path: disk, data: machine.vmdk },
  ]);
}

/** A SATA disk and a VMXNET3 card: both VMware and VirtualBox know them or something in their place. */
export function ovfDescriptor({ name, version, cpus, memoryMiB, capacity, vmdk }: VirtualMachine): string {
  const item = (fields: Readonly<Record<string, string | number>>) => {
    const lines = Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1));
    return `      <Item>\n${lines.map(([key, value]) => `        <rasd:${key}>${value}</rasd:${key}>\n`).join("")}      </Item>\n`;
  };
  const items = [
    { ElementName: `${cpus} virtual processors`, InstanceID: 1, ResourceType: 3, VirtualQuantity: cpus },
    {
      AllocationUnits: "byte * 2^20",
      ElementName: `${memoryMiB} MiB of memory`,
      InstanceID: 2,
      ResourceType: 4,
      VirtualQuantity: memoryMiB,
    },
    { Address: 0, ElementName: "SATA controller", InstanceID: 3, ResourceSubType: "AHCI", ResourceType: 20 },
    {
      AddressOnParent: 0,
      ElementName: "Disk",
      HostResource: "ovf:/disk/disk",
      InstanceID: 4,
      Parent: 3,
      ResourceType: 17,
    },
    {
      AutomaticAllocation: "true",
      Connection: "network",
      ElementName: "Network",
      InstanceID: 5,
      ResourceSubType: "VmxNet3",
      ResourceType: 10,
    },
  ];
  return `<?xml version="1.0" encoding="UTF-8"?>
<Envelope ovf:version="1.0" xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" \
xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" \
xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
  <References>
    <File ovf:id="file" ovf:href="${name}.vmdk" ovf:size="${vmdk.length}"/>
  </References>
  <DiskSection>
    <Info>Disks</Info>
    <Disk ovf:diskId="disk" ovf:fileRef="file" ovf:capacity="${capacity}" \
ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection>
    <Info>Networks</Info>
    <Network ovf:name="network">
      <Description>The network of the node</Description>
    </Network>
  </NetworkSection>
  <VirtualSystem ovf:id="${name}">
    <Info>A node of k3OS ${version}</Info>
    <Name>${name}</Name>
    <OperatingSystemSection ovf:id="96">
      <Info>Debian, 64 bits</Info>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Hardware</Info>
      <System>
        <vssd:ElementName>Virtual hardware</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>${name}</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType>
      </System>
${items.map(item).join("")}    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
`;
}
