import { expect, it } from "vitest";
import { formatBootEnv } from "../../src/image/boot-env.ts";
import { diskMenu, formatSlotRecord } from "../../src/image/grub.ts";
import { type EspView, faultsOf, type KnownImage, type SlotView, type StateView } from "./judge.ts";

const imageOf = (version: string): KnownImage => ({
  digest: `sha256:${version}`,
  name: version,
  sums: { VMLINUZ: `kernel ${version}`, INITRD: `initrd ${version}` },
});
const images = [imageOf("1"), imageOf("2")];

const slotOf = ({ digest, name, sums }: KnownImage): SlotView => ({
  record: formatSlotRecord({ version: name, digest, system: `/k3os/system/${name}`, arguments: [] }),
  sums,
});
const none: SlotView = { record: undefined, sums: {} };
const [first, second] = [slotOf(imageOf("1")), slotOf(imageOf("2"))];

const esp: EspView = {
  env: formatBootEnv({ good: "a", trial: "b", left: 2 }),
  menu: diskMenu("amd64"),
  machine: undefined,
  slots: { a: first, b: second },
  ...{ faults: [], leaked: 0 },
};
const state: StateView = { fault: undefined, journal: undefined, whole: ["1", "2"], current: "1" };

it("takes two whole slots, and one beside none, for sound", () => {
  expect(faultsOf(esp, state, images)).toEqual([]);
  expect(faultsOf({ ...esp, slots: { a: first, b: none } }, { ...state, whole: ["1"] }, images)).toEqual([]);
  const half = { ...second, record: 'set version="2"\nset dig' };
  expect(faultsOf({ ...esp, slots: { a: first, b: half } }, state, images)).toEqual([]);
});

it("takes faults of the ESP that the node mends for none, unless mending costs a file", () => {
  const mended = (slots: EspView["slots"]) => ({ ...esp, faults: ["free cluster"], mended: { ...esp, slots } });
  expect(faultsOf(mended(esp.slots), state, images)).toEqual([]);
  expect(faultsOf(mended({ a: none, b: second }), state, images)).toEqual([
    "once mended: slot a, which is good, is not there",
  ]);
});

it.each<[what: string, esp: Partial<EspView>, state: Partial<StateView>, fault: string]>([
  ["a block that is damaged", { env: new Uint8Array(1024) }, {}, "environment block"],
  ["no slot", { slots: { a: none, b: none } }, {}, "no slot is whole"],
  ["a good slot that is gone", { slots: { a: none, b: second } }, {}, "slot a, which is good, is not there"],
  ["a kernel of another image", { slots: { a: first, b: { ...second, sums: first.sums } } }, {}, "VMLINUZ of slot b"],
  [
    "half a record",
    { slots: { a: { ...first, record: "set ver" }, b: none } },
    {},
    "slot a, which is good, is not there",
  ],
  [
    "a record that names a system and no image",
    { slots: { a: { ...first, record: 'set system="/k3os/system/1"\n' }, b: none } },
    {},
    "record of slot a is damaged",
  ],
  ["a root that is not whole", {}, { whole: ["2"] }, "the root of slot a, 1, is not whole"],
  ["half a menu", { menu: "set timeout=1" }, {}, "boot menu"],
  ["a file system that is not sound", {}, { fault: "e2fsck ends with 4" }, "state partition: e2fsck ends with 4"],
  ["half a journal", {}, { journal: '{ "format": 1, ' }, "deployments.json"],
  ["files that share clusters", { faults: ["share clusters"] }, {}, "ESP: share clusters"],
])("finds %s", (_, espPart, statePart, fault) => {
  expect(faultsOf({ ...esp, ...espPart }, { ...state, ...statePart }, images).join()).toContain(fault);
});
