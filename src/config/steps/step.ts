/** The steps of a plan, as data, with the properties of each kind. */
import type { Network } from "../network/schema.ts";
import type { Wifi } from "../schema/wifi.ts";

/**
 * When a step is applied: `init` first of all, in the initrd if the config is known there; `boot` before the services
 * start and without network; `runtime` afterwards, with network.
 */
export type Phase = "init" | "boot" | "runtime";

/** A step of any kind, or of the given kind. */
export type Step<Kind extends StepName = StepName> = {
  [K in Kind]: { readonly phase: Phase; readonly kind: K } & StepData[K];
}[Kind];

export type StepName = keyof StepData;

export interface StepData {
  readonly module: { readonly name: string; readonly parameters: readonly string[] };
  readonly sysctl: { readonly key: string; readonly value: string };
  readonly hostname: { readonly name: string };
  readonly dns: {
    readonly nameservers: readonly string[];
    readonly search: readonly string[];
    /** Whether nothing else, such as DHCP, adds any. */
    readonly complete: boolean;
  };
  readonly network: { readonly network: Network };
  /** Undoes an earlier `network`: back to DHCP on every card. */
  readonly "no-network": unknown;
  readonly wifi: { readonly networks: readonly Wifi[] };
  readonly ntp: { readonly servers: readonly string[] };
  /** `password` is crypt(5)'s output if `hashed`, plain otherwise. */
  readonly password: { readonly user: string; readonly password: string; readonly hashed: boolean };
  /** Keys of the config, and keys of `urls` that were fetched before. */
  readonly "authorized-keys": {
    readonly user: string;
    readonly keys: readonly string[];
    readonly urls: readonly string[];
  };
  /** Keys to fetch, and the config's keys that are written beside them. `source` is the entry of the config. */
  readonly "remote-keys": {
    readonly user: string;
    readonly keys: readonly string[];
    readonly sources: readonly { readonly source: string; readonly url: string }[];
  };
  /** `zone` is a path below /usr/share/zoneinfo. */
  readonly timezone: { readonly zone: string };
  readonly mount: {
    readonly device: string;
    readonly path: string;
    readonly type?: string;
    readonly options?: string;
    /** Make the file system if the device is empty. */
    readonly format: boolean;
  };
  /** An account with a home below /home. `groups` are sorted and do not contain its own. */
  readonly account: {
    readonly user: string;
    readonly shell: string;
    readonly groups: readonly string[];
    readonly sudo: boolean;
  };
  /** Undoes an earlier `account`. The home stays. */
  readonly "no-account": { readonly user: string };
  readonly k3s: {
    readonly role: "server" | "agent";
    /** Without the role. */
    readonly args: readonly string[];
    /** Variables of the config, and those for token and server. */
    readonly environment: Readonly<Record<string, string>>;
  };
  /** The text of k3s's registries.yaml. */
  readonly registries: { readonly content: string };
  /** A file in server/manifests. It is written only once. */
  readonly manifest: { readonly name: string; readonly content: string };
  readonly "remote-manifest": { readonly name: string; readonly url: string };
  readonly file: {
    readonly path: string;
    /** Decoded if it was base64. `encoding` names a further encoding to undo. */
    readonly content: string | Uint8Array;
    readonly encoding?: "gzip";
    /** Permission bits. */
    readonly mode: number;
    /** In the format of chown(1). */
    readonly owner?: string;
  };
  /** To be merged into /etc/environment. */
  readonly environment: { readonly variables: Readonly<Record<string, string>> };
  /** Run once per boot. A list stops at its first failure. */
  readonly command: { readonly list: CommandList; readonly index: number; readonly command: string };
  /** Undoes an earlier step that changed a file: restores the previous content. */
  readonly restore: { readonly path: string };
  /** Undoes an earlier `sysctl`: sets what the kernel had before. */
  readonly "restore-sysctl": { readonly key: string; readonly value: string };
  /** Restarts k3s, which reads its part of the config only when it starts. */
  readonly "restart-k3s": unknown;
}

export type CommandList = "init_cmd" | "boot_cmd" | "run_cmd";
