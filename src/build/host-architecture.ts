import { K3osError } from "../errors.ts";
import { ARCHITECTURE_NAMES, type ArchitectureName } from "../image/architecture.ts";

const names: Readonly<Record<string, ArchitectureName>> = { x64: "amd64", arm64: "arm64" };

/** The processor of this machine. */
export function hostArchitecture(processor: string = process.arch): ArchitectureName {
  const name = names[processor];
  if (name !== undefined) return name;
  throw new K3osError("host", `k3os runs on ${ARCHITECTURE_NAMES.join(" and ")}, and this machine is ${processor}.`);
}

/** What is built if nobody says: `K3OS_ARCH` of the environment, or what this machine is. */
export function usualArchitecture(env: Readonly<Record<string, string | undefined>>): ArchitectureName {
  const asked = env.K3OS_ARCH;
  if (asked === undefined || asked === "") return hostArchitecture();
  const name = ARCHITECTURE_NAMES.find((one) => one === asked);
  if (name !== undefined) return name;
  throw new K3osError("usage", `K3OS_ARCH is "${asked}": expected ${ARCHITECTURE_NAMES.join(" or ")}.`);
}
