import { digestOf } from "../../config/digest.ts";
import type { Observed, Step } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";
import { configuredNetwork } from "../network/configured.ts";
import { sysctlPath } from "../sysctl.ts";
import { madeAccounts, observeAccount } from "./accounts.ts";
import { observeK3s } from "./k3s.ts";
import { isSeeded } from "./manifests.ts";
import { isMounted } from "./mounts.ts";
import { ZONES } from "./timezone.ts";
import { ownerIds, passwordHash } from "./users.ts";
import { originalText, writtenPaths } from "./written.ts";

/** Steps that leave no trace are noted here once they are applied, for root only: a digest like ours gives secrets away. */
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
    original: (path) => originalText(host, path),
    timezone: () => {
      const target = host.stat("/etc/localtime")?.type === "link" ? host.readLink("/etc/localtime") : "";
      return target.startsWith(ZONES) ? target.slice(ZONES.length) : undefined;
    },
    mounted: (path) => isMounted(host, path),
    account: (user) => observeAccount(host, user),
    madeAccounts: () => madeAccounts(host),
    written: () => writtenPaths(host),
    seeded: (step) => isSeeded(host, step),
    network: () => configuredNetwork(host),
    k3s: () => observeK3s(host),
    hostname: () => host.readText("/proc/sys/kernel/hostname").trim(),
    passwordHash: (user) => passwordHash(host, user),
    done: (step) => host.stat(APPLIED) !== undefined && host.readText(APPLIED).split("\n").includes(digest(step)),
  };
}

/** Notes that a step is applied, for `Observed.done` of this boot. */
export function noteApplied(host: Host, step: Step): void {
  if (host.stat(APPLIED) === undefined) host.write(APPLIED, "", { mode: 0o600 });
  host.append(APPLIED, `${digest(step)}\n`);
}

const digest = (step: Step): string => digestOf(JSON.stringify(step));
