import type { ArchitectureName } from "../image/architecture.ts";

/** Set where the node's program is bundled (src/build/bundle.ts). Tests of it run as those of an amd64 node. */
declare const K3OS_ARCHITECTURE: ArchitectureName | undefined;

/** The processor that this program is made for, as all of its image. */
export const OWN_ARCHITECTURE: ArchitectureName =
  typeof K3OS_ARCHITECTURE === "undefined" ? "amd64" : K3OS_ARCHITECTURE;
