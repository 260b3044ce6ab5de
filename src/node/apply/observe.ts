import type { Observed } from "../../config/pending.ts";
import type { Leftovers } from "../../config/steps/kind.ts";
import type { Host } from "../../host/host.ts";
import { configuredNetwork } from "../network/configured.ts";
import { madeAccounts } from "./accounts.ts";
import { wasApplied } from "./applied.ts";
import { observeK3s } from "./k3s.ts";
import { valuesBefore } from "./set-sysctls.ts";
import { observeStep } from "./steps/index.ts";
import { ownerIds } from "./users.ts";
import { originalText, writtenPaths } from "./written.ts";

const LEFTOVERS: { readonly [K in keyof Leftovers]: (host: Host) => Leftovers[K] } = {
  "no-account": madeAccounts,
  restore: writtenPaths,
  "restore-sysctl": valuesBefore,
  "no-network": (host) => configuredNetwork(host) !== undefined,
  "restart-k3s": observeK3s,
};

/** The state of this node, as far as a plan needs it. */
export function observe(host: Host): Observed {
  return {
    observe: (step) => observeStep(host, step),
    leftovers: (kind) => LEFTOVERS[kind](host),
    file: (path) => {
      const found = host.stat(path);
      if (found?.type !== "file") return undefined;
      const ownedBy = (owner: string) => {
        const ids = ownerIds(host, owner);
        return ids !== undefined && (ids.uid ?? found.uid) === found.uid && (ids.gid ?? found.gid) === found.gid;
      };
      return { content: host.read(path), mode: found.mode, ownedBy };
    },
    original: (path) => originalText(host, path),
    done: (step) => wasApplied(host, step),
  };
}
