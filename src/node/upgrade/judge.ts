/** Whether an image may be tried on this node: pure. */
import { K3osError } from "../../errors.ts";
import type { SlotName } from "../../image/boot-env.ts";
import type { SlotRecord } from "../../image/grub.ts";
import { compareVersions } from "../../image/version.ts";
import { type Deployment, type Journal, refusalOf } from "../slots/journal.ts";

/** What a node boots and runs. */
export interface NodeSlots {
  readonly running: SlotName | undefined;
  readonly onTrial: boolean;
  readonly good: SlotName | undefined;
  readonly records: Readonly<Partial<Record<SlotName, SlotRecord>>>;
}

/** An image that was tried before and given up. */
export class GivenUp extends K3osError {}

export interface Allowed {
  /** An image that is older than the one that runs. */
  readonly downgrade: boolean;
  /** An image that was given up before. */
  readonly retry: boolean;
}

/**
 * Throws if no image may be staged now: a trial is under way, or the machine runs from the slot that is not good, so
 * that there is no slot to spare.
 */
export function requireSettled({ running, onTrial, good }: NodeSlots): void {
  if (onTrial) {
    throw new K3osError("busy", "this boot is a trial: it is not decided yet whether its image is kept", {
      hint: "Wait until it is: sudo k3os status. Or go back at once: sudo k3os rollback",
    });
  }
  if (running === undefined || good === undefined || running === good) return;
  throw new K3osError("busy", `this boot runs from slot ${running}, and slot ${good} is the one that is kept`, {
    hint: "Keep the running one: sudo k3os rollback. Or restart into the other one: sudo reboot",
  });
}

/** Throws if the image must not be tried: it is older, or it was given up before. */
export function requireAllowed(
  image: Deployment,
  running: Pick<Deployment, "version">,
  journal: Journal,
  allowed: Allowed,
): void {
  const refused = refusalOf(journal, image.digest);
  if (refused !== undefined && !allowed.retry) {
    throw new GivenUp("host", `${image.version} was tried on this node and given up: ${refused.reason}`, {
      hint: "Try it again, if the cause is gone: sudo k3os upgrade --retry …",
    });
  }
  if (allowed.downgrade || compareVersions(image.version, running.version) >= 0) return;
  throw new K3osError("host", `${image.version} is older than ${running.version}, which runs`, {
    hint: "To have it all the same: sudo k3os upgrade --allow-downgrade …",
  });
}

/** Where an image is already: the slot that runs, the other one, or nowhere. */
export function whereIs(digest: string, { good, records }: NodeSlots): "good" | "staged" | "nowhere" {
  if (good !== undefined && records[good]?.digest === digest) return "good";
  return Object.values(records).some((record) => record?.digest === digest) ? "staged" : "nowhere";
}
