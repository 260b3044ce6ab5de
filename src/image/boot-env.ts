import { formatGrubEnv, parseGrubEnv } from "./grub-env.ts";

/** A place for an installed image: its kernel on the ESP, its root on the state partition. */
export type SlotName = "a" | "b";
export const SLOTS = ["a", "b"] as const satisfies readonly SlotName[];
export const otherSlot = (slot: SlotName): SlotName => (slot === "a" ? "b" : "a");

/** How far a trial has come, in this order. */
export const TRIAL_STAGES = ["initrd", "root", "services", "k3s", "ready"] as const;
export type TrialStage = (typeof TRIAL_STAGES)[number];

/** How often GRUB starts a trial before it goes back. The first try may end by a power cut. */
export const TRIES = 2;

/** What the boot menu and the system tell each other: the environment block on the ESP. */
export interface BootEnv {
  /** The slot to boot. */
  readonly good: SlotName;
  /** The other slot, if it is to be tried. */
  readonly trial?: SlotName | undefined;
  /** How many tries are left of it. The boot menu counts down. */
  readonly left?: number | undefined;
  /** How far the last try has come; none if not even its initrd has begun. */
  readonly stage?: TrialStage | undefined;
}

/** Variables of the block. */
export const ENV = { good: "k3good", trial: "k3try", left: "k3left", stage: "k3stage" } as const;

/** The bytes of the block. Equal values give equal bytes. */
export function formatBootEnv({ good, trial, left, stage }: BootEnv): Uint8Array {
  return formatGrubEnv({
    [ENV.good]: good,
    [ENV.trial]: trial ?? "",
    [ENV.left]: trial === undefined ? "" : `${left ?? 0}`,
    [ENV.stage]: stage ?? "",
  });
}

/** What a block says; `undefined` if it is damaged, and then the boot menu takes the first whole slot. */
export function parseBootEnv(bytes: Uint8Array): BootEnv | undefined {
  const variables = parseGrubEnv(bytes);
  if (variables === undefined) return undefined;
  const slot = (name: string) => SLOTS.find((known) => known === variables[name]);
  const good = slot(ENV.good);
  if (good === undefined) return undefined;
  const trial = slot(ENV.trial);
  if (trial === undefined || trial === good) return { good };
  const left = Number(variables[ENV.left]) || 0;
  return { good, trial, left, stage: TRIAL_STAGES.find((stage) => stage === variables[ENV.stage]) };
}

/**
 * The slot that the boot menu starts by itself; `undefined` if no slot is whole. The menu is written in GRUB's own
 * language (`diskMenu`); this says the same, for tests and for the system.
 */
export function slotToBoot(
  env: BootEnv | undefined,
  isWhole: (slot: SlotName) => boolean,
): { readonly slot: SlotName; readonly trial: boolean } | undefined {
  const order = env === undefined ? SLOTS : [env.good, otherSlot(env.good)];
  const good = order.find(isWhole);
  if (good === undefined) return undefined;
  const { trial, left = 0 } = env ?? {};
  const tries = trial !== undefined && trial !== good && isWhole(trial) && left >= 1 && left <= TRIES;
  return tries ? { slot: trial, trial: true } : { slot: good, trial: false };
}
