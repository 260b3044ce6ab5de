import type { Observed, Step } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";
import { sysctlPath } from "../sysctl.ts";
import { account, ownerIds, passwordHash } from "./users.ts";

/** Steps that leave no trace are noted here once they are applied: digests, since commands may hold secrets. */
const APPLIED = "/run/k3os/applied";

/** The state of this node, as far as a plan asks for it. */
export function observe(host: Host): Observed {
  return {
    file: (path) => {
      const found = host.stat(path);
      if (found?.type !== "file") return undefined;
      const ownedBy = (owner: string) => {
        const ids = ownerIds(host, owner);
        return ids !== undefined && (ids.uid ?? found.uid) === found.uid && (ids.gid ?? found.gid) === found.gid;
      };
      return { content: host.read(path), mode: found.mode, ownedBy };
    },
    moduleLoaded: (name) => host.stat(`/sys/module/${name.replaceAll("-", "_")}`) !== undefined,
    sysctl: (key) => {
      const path = sysctlPath(key);
      return host.stat(path) ? host.readText(path) : undefined;
    },
    hostname: () => host.readText("/proc/sys/kernel/hostname").trim(),
    passwordHash: (user) => passwordHash(host, user),
    authorizedKeys: (user) => {
      const path = authorizedKeysPath(host, user);
      return host.stat(path) ? host.readText(path).split("\n") : [];
    },
    done: (step) => host.stat(APPLIED) !== undefined && host.readText(APPLIED).split("\n").includes(digest(step)),
  };
}

/** Notes that a step is applied, for `Observed.done` of this boot. */
export function noteApplied(host: Host, step: Step): void {
  host.append(APPLIED, `${digest(step)}\n`);
}

/** Where sshd looks for a user's keys. */
export function authorizedKeysPath(host: Host, user: string): string {
  return `${account(host, user)?.home ?? "/"}/.ssh/authorized_keys`;
}

/** FNV-1a, 2 × 32 bit: it tells steps of one config apart, and is no secret-keeping digest. */
function digest(step: Step): string {
  const text = JSON.stringify(step);
  return [0x811c9dc5, 0x01234567]
    .map((seed) => {
      let hash = seed;
      for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
      return hash.toString(16).padStart(8, "0");
    })
    .join("");
}
