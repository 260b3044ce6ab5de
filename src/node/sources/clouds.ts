/**
 * The metadata services of the clouds, as data: where things are found, and how they are read. `cloud.ts` does the
 * requests.
 *
 * Each entry follows the provider's own documentation of its metadata service.
 */
import { parse as parseYaml } from "yaml";
import type { CloudName } from "../../config/clouds.ts";
import { readOvfEnvironment } from "./azure-disc.ts";
import { ofDigitalOcean } from "./cloud-network.ts";
import { ofOpenStack } from "./openstack-network.ts";
import { ofPacket, type PacketMetadata } from "./packet-network.ts";
import { ofScaleway, type ScalewayMetadata } from "./scaleway-network.ts";

export interface Cloud {
  /** The common beginning of all paths. */
  readonly url: string;
  readonly headers?: readonly string[];
  /** Whether requests must come from a port that only root may use. */
  readonly privileged?: boolean;
  /**
   * A key for this session, which is sent along as `header`. A service that does not know this path is asked without
   * it.
   */
  readonly token?: { readonly path: string; readonly headers: readonly string[]; readonly header: string };
  /** `hello` identifies the cloud: without it, this is another service. The others are optional. */
  readonly documents: Readonly<Record<"hello", string>> &
    Readonly<Partial<Record<"userdata" | "keys" | "network", string>>>;
  /** A volume that holds the same documents below a directory. It is tried first, because it needs no network. */
  readonly volume?: { readonly label: string; readonly directory: string };
  /** A file to read in addition to the service's documents, on a volume that exists at the first boot only. */
  readonly disc?: { readonly tag: string; readonly path: string };
  /** Throws if the documents are not the cloud's. */
  read(documents: Documents, now: number): Found;
  /** Whether to report to the cloud once the node has read everything. */
  readonly reportsReady?: boolean;
}

/**
 * The documents as texts; those that the service lacks are missing. User data is not among them, because it may be
 * binary.
 */
type Documents = {
  readonly hello: string;
  readonly keys?: string;
  readonly network?: string;
  readonly disc?: string;
};

export interface Found {
  readonly hostname?: string | undefined;
  readonly keys?: readonly string[] | undefined;
  /** User data that is part of another document. */
  readonly userdata?: string | undefined;
  /** network-config, in either version. */
  readonly network?: unknown;
}

/** The address of nearly all of them. */
const LINK_LOCAL = "http://169.254.169.254";

export const CLOUDS: Readonly<Record<CloudName, Cloud>> = {
  aws: {
    url: `${LINK_LOCAL}/latest`,
    token: {
      path: "/api/token",
      headers: ["X-aws-ec2-metadata-token-ttl-seconds: 300"],
      header: "X-aws-ec2-metadata-token",
    },
    documents: {
      hello: "/meta-data/local-hostname",
      keys: "/meta-data/public-keys/0/openssh-key",
      userdata: "/user-data",
    },
    read: ({ hello, keys }) => ({ hostname: hostnameIn(hello), keys: lines(keys) }),
  },

  azure: {
    url: `${LINK_LOCAL}/metadata`,
    headers: ["Metadata: true"],
    documents: { hello: "/instance/compute?api-version=2021-02-01&format=json" },
    disc: { tag: "TYPE=udf", path: "/ovf-env.xml" },
    read: ({ hello, disc }) => {
      const provisioned = disc === undefined ? {} : readOvfEnvironment(disc);
      const { name, osProfile, publicKeys, userData } = json<{
        name?: string;
        osProfile?: { computerName?: string };
        publicKeys?: { keyData?: string }[];
        userData?: string;
      }>(hello);
      const keys = publicKeys?.flatMap(({ keyData }) => lines(keyData)) ?? provisioned.keys;
      return {
        hostname: osProfile?.computerName || provisioned.hostname || name,
        keys,
        userdata: provisioned.userdata ?? (userData || undefined),
      };
    },
    reportsReady: true,
  },

  digitalocean: {
    url: `${LINK_LOCAL}/metadata`,
    documents: { hello: "/v1.json" },
    read: ({ hello }) => {
      const found = json<Parameters<typeof ofDigitalOcean>[0] & Record<string, unknown>>(hello);
      return {
        hostname: found.hostname as string,
        keys: found.public_keys as string[],
        userdata: found.user_data as string,
        network: ofDigitalOcean(found),
      };
    },
  },

  gcp: {
    url: `${LINK_LOCAL}/computeMetadata/v1`,
    headers: ["Metadata-Flavor: Google"],
    documents: { hello: "/instance/?recursive=true", keys: "/project/attributes/ssh-keys" },
    read: ({ hello, keys: ofProject }, now) => {
      const { hostname, attributes = {} } = json<{ hostname?: string; attributes?: Record<string, string> }>(hello);
      const own = attributes["ssh-keys"] ?? "";
      const blocked = /^true$/i.test(attributes["block-project-ssh-keys"] ?? "");
      const keys = [...lines(own), ...(blocked ? [] : lines(ofProject))];
      return { hostname, keys: googleKeys(keys, now), userdata: attributes["user-data"] };
    },
  },

  hetzner: {
    url: `${LINK_LOCAL}/hetzner/v1`,
    documents: { hello: "/metadata", userdata: "/userdata" },
    read: ({ hello }) => {
      const found = object(parseYaml(hello));
      return {
        hostname: found.hostname as string,
        keys: found["public-keys"] as string[],
        network: found["network-config"],
      };
    },
  },

  openstack: {
    url: `${LINK_LOCAL}/openstack/latest`,
    volume: { label: "config-2", directory: "/openstack/latest" },
    documents: { hello: "/meta_data.json", userdata: "/user_data", network: "/network_data.json" },
    read: ({ hello, network }) => {
      const { hostname, public_keys } = json<{ hostname?: string; public_keys?: Record<string, string> }>(hello);
      const keys = Object.values(public_keys ?? {}).flatMap(lines);
      return { hostname, keys, network: network === undefined ? undefined : ofOpenStack(json(network)) };
    },
  },

  packet: {
    url: "https://metadata.platformequinix.com",
    documents: { hello: "/metadata", userdata: "/userdata" },
    read: ({ hello }) => {
      const found = json<PacketMetadata & { hostname?: string; ssh_keys?: string[] }>(hello);
      return { hostname: found.hostname, keys: found.ssh_keys, network: ofPacket(found) };
    },
  },

  scaleway: {
    url: "http://169.254.42.42",
    privileged: true,
    documents: { hello: "/conf?format=json", userdata: "/user_data/cloud-init" },
    read: ({ hello }) => {
      const found = json<ScalewayMetadata & { hostname?: string; ssh_public_keys?: { key?: string }[] }>(hello);
      const keys = found.ssh_public_keys?.flatMap(({ key }) => lines(key));
      return { hostname: found.hostname, keys, network: ofScaleway(found) };
    },
  },

  vultr: {
    url: LINK_LOCAL,
    headers: ["Metadata-Token: vultr"],
    documents: { hello: "/v1.json", userdata: "/latest/user-data" },
    read: ({ hello }) => {
      const found = json<{ hostname?: string; "public-keys"?: string | string[] }>(hello);
      return { hostname: found.hostname, keys: [found["public-keys"] ?? []].flat().flatMap(lines) };
    },
  },
};

/** `user:key`, and for keys that expire `user:key google-ssh {"expireOn":"2026-11-24T10:00:00+0000", …}`. */
function googleKeys(entries: readonly string[], now: number): string[] {
  return entries.flatMap((entry) => {
    const key = entry.replace(/^[^:\s]+:(?=\S)/, "");
    const expiry = /"expireOn":\s*"([^"]+)"/.exec(entry)?.[1]?.replace(/([+-]\d\d)(\d\d)$/, "$1:$2");
    return expiry !== undefined && !(Date.parse(expiry) > now) ? [] : [key.replace(/ google-ssh .*/, "")];
  });
}

/** A text that is no host name comes from something else, such as a captive portal. */
function hostnameIn(text: string): string {
  const [name = ""] = text.trim().split(/\s+/);
  if (/^[\w.-]+$/.test(name)) return name;
  throw new TypeError("no host name");
}

function lines(text: string | undefined): string[] {
  return (text ?? "").split("\n").filter((line) => line.trim() !== "");
}

function json<Shape extends object>(text: string): Shape {
  return object(JSON.parse(text)) as Shape;
}

function object(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new TypeError("no map of metadata");
}
