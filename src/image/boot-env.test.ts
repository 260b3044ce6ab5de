import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatBootEnv, parseBootEnv, SLOTS, slotToBoot, TRIAL_STAGES } from "./boot-env.ts";
import { formatGrubEnv, GRUB_ENV_SIZE, parseGrubEnv } from "./grub-env.ts";

const variables = fc.dictionary(fc.stringMatching(/^[a-z]\w{0,9}$/), fc.stringMatching(/^[\w.:-]{0,20}$/), {
  maxKeys: 8,
  noNullPrototype: true,
});

describe("GRUB's environment block", () => {
  it("has the size that GRUB expects, and gives back what it was made of", () => {
    fc.assert(
      fc.property(variables, (values) => {
        const bytes = formatGrubEnv(values);
        expect(bytes).toHaveLength(GRUB_ENV_SIZE);
        expect(parseGrubEnv(bytes)).toEqual(values);
      }),
    );
  });

  it("keeps all variables in the sector that a write changes", () => {
    const text = new TextDecoder().decode(formatBootEnv({ good: "a", trial: "b", left: 2, stage: "services" }));
    expect(text.slice(512)).toBe("#".repeat(512));
    expect(() => formatGrubEnv({ long: "x".repeat(500) })).toThrow("do not fit into a sector");
  });

  it.each([
    ["of half the size", (text: string) => text.slice(0, 512), { good: "b" }],
    ["of twice the size", (text: string) => text + text, { good: "b" }],
    [
      "that ends in the middle of a variable",
      (text: string) => text.slice(0, text.indexOf("#", 1)).slice(0, -1),
      { good: "b" },
    ],
    ["with a line without =", (text: string) => text.replace("k3good", "x\nk3good"), undefined],
  ])("%s is read as GRUB does", (_, damage, wanted) => {
    const text = new TextDecoder().decode(formatBootEnv({ good: "b" }));
    expect(parseBootEnv(new TextEncoder().encode(damage(text)))).toEqual(wanted);
  });

  it("is refused if it is anything else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2048 }), (bytes) => {
        expect(parseGrubEnv(bytes)).toBeUndefined();
      }),
    );
    expect(parseBootEnv(formatGrubEnv({}))).toBeUndefined();
    expect(parseBootEnv(formatGrubEnv({ k3good: "c" }))).toBeUndefined();
  });
});

const env = fc.record({
  good: fc.constantFrom(...SLOTS),
  trial: fc.constantFrom(undefined, ...SLOTS),
  left: fc.integer({ min: 0, max: 2 }),
  stage: fc.constantFrom(undefined, ...TRIAL_STAGES),
});

describe("what the system and the boot menu tell each other", () => {
  it("is read as it was written; a trial of the good slot is none", () => {
    fc.assert(
      fc.property(env, ({ good, trial, left, stage }) => {
        const read = parseBootEnv(formatBootEnv({ good, trial, left, stage }));
        expect(read).toEqual(trial === undefined || trial === good ? { good } : { good, trial, left, stage });
      }),
    );
  });

  it.each([
    ["the good slot", { good: "a" }, "ab", { slot: "a", trial: false }],
    ["a trial with tries left", { good: "a", trial: "b", left: 2 }, "ab", { slot: "b", trial: true }],
    ["a trial with one try left", { good: "b", trial: "a", left: 1 }, "ab", { slot: "a", trial: true }],
    ["the good slot when no try is left", { good: "a", trial: "b", left: 0 }, "ab", { slot: "a", trial: false }],
    [
      "the good slot when the trial's is not whole",
      { good: "a", trial: "b", left: 2 },
      "a",
      { slot: "a", trial: false },
    ],
    ["the other slot when the good one is not whole", { good: "a" }, "b", { slot: "b", trial: false }],
    [
      "the trial's slot as any other, when it alone is whole",
      { good: "a", trial: "b", left: 2 },
      "b",
      { slot: "b", trial: false },
    ],
    ["the first whole slot when the block is damaged", undefined, "ab", { slot: "a", trial: false }],
    ["the only whole slot when the block is damaged", undefined, "b", { slot: "b", trial: false }],
    ["nothing when no slot is whole", { good: "a" }, "", undefined],
  ] as const)("boots %s", (_, block, whole, wanted) => {
    expect(slotToBoot(block, (slot) => whole.includes(slot))).toEqual(wanted);
  });
});
