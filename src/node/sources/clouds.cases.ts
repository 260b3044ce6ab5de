/**
 * A small metadata service for all clouds, and what a node should read from it. For the unit tests and the machine
 * tests.
 */

import type { CloudName } from "../../config/clouds.ts";

export interface Asked {
  readonly method: string;
  /** The requested URL. On a machine, host and path determine the cloud. */
  readonly url: URL;
  /** By name, in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly body: string | Uint8Array;
}

export const USERDATA = "#cloud-config\nk3os:\n  labels: { from: cloud }\n";
const BASE64 = "I2Nsb3VkLWNvbmZpZwprM29zOgogIGxhYmVsczogeyBmcm9tOiBjbG91ZCB9Cg==";
export const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFooBarBaz cloud";

/** What every cloud is expected to return. The host name differs by cloud. */
export const expected: Readonly<Record<CloudName, Readonly<Record<string, string>>>> = {
  aws: { local_hostname: "ip-10-0-0-5.ec2.internal\n" },
  azure: { local_hostname: "vm-azure\n" },
  digitalocean: {
    local_hostname: "droplet\n",
    "network-config": JSON.stringify({
      version: 2,
      ethernets: {
        public0: {
          match: { macaddress: "52:54:00:00:00:99" },
          addresses: ["203.0.113.5/24", "2001:db8::5/64", "10.17.0.5/16"],
          routes: [
            { to: "default", via: "203.0.113.1" },
            { to: "default", via: "2001:db8::1" },
          ],
          nameservers: { addresses: ["8.8.8.8"] },
        },
      },
    }),
  },
  gcp: { local_hostname: "vm-gcp.zone.c.project.internal\n" },
  hetzner: {
    local_hostname: "server-hetzner\n",
    "network-config": JSON.stringify({
      version: 1,
      config: [{ type: "physical", name: "eth0", subnets: [{ type: "dhcp" }] }],
    }),
  },
  openstack: {
    local_hostname: "vm-openstack.novalocal\n",
    "network-config": JSON.stringify({
      version: 2,
      ethernets: {
        tap1: {
          match: { macaddress: "52:54:00:00:00:98" },
          mtu: 1450,
          dhcp4: true,
          nameservers: { addresses: ["9.9.9.9"] },
          addresses: ["2001:db8::7/64"],
          routes: [{ to: "::/0", via: "2001:db8::1" }],
        },
      },
    }),
  },
  packet: { local_hostname: "server-packet\n" },
  scaleway: { local_hostname: "scw-node\n" },
  vultr: { local_hostname: "guest-vultr\n" },
};

/** `key` is the one that may log in. Reports to Azure's wire server are appended to `told`. */
export function metadataService(key: string = KEY, told: string[] = []): (asked: Asked) => Answer {
  const documents: Readonly<Record<string, string | Uint8Array>> = {
    "/metadata/instance/compute": JSON.stringify({
      name: "other",
      osProfile: { computerName: "vm-azure" },
      publicKeys: [{ keyData: `${key}\n`, path: "/home/rancher/.ssh/authorized_keys" }],
      userData: BASE64,
    }),
    "/metadata/v1.json": JSON.stringify({
      droplet_id: 1,
      hostname: "droplet",
      public_keys: [key],
      user_data: USERDATA,
      dns: { nameservers: ["8.8.8.8"] },
      interfaces: {
        private: [],
        public: [
          {
            mac: "52:54:00:00:00:99",
            type: "public",
            ipv4: { ip_address: "203.0.113.5", netmask: "255.255.255.0", gateway: "203.0.113.1" },
            ipv6: { ip_address: "2001:db8::5", cidr: 64, gateway: "2001:db8::1" },
            anchor_ipv4: { ip_address: "10.17.0.5", netmask: "255.255.0.0", gateway: "10.17.0.1" },
          },
        ],
      },
    }),
    "/computeMetadata/v1/instance/": JSON.stringify({
      hostname: "vm-gcp.zone.c.project.internal",
      attributes: {
        "user-data": BASE64,
        "ssh-keys": `rancher:${key}\nold:${KEY} google-ssh {"userName":"old","expireOn":"2001-01-01T00:00:00+0000"}`,
      },
    }),
    "/hetzner/v1/metadata": [
      "hostname: server-hetzner",
      "instance-id: 42",
      `public-keys: [${JSON.stringify(key)}]`,
      "network-config:",
      "  version: 1",
      "  config: [{ type: physical, name: eth0, subnets: [{ type: dhcp }] }]",
      "",
    ].join("\n"),
    "/hetzner/v1/userdata": USERDATA,
    "/openstack/latest/meta_data.json": JSON.stringify({
      uuid: "1",
      hostname: "vm-openstack.novalocal",
      public_keys: { laptop: `${key}\n` },
    }),
    "/openstack/latest/user_data": USERDATA,
    "/openstack/latest/network_data.json": JSON.stringify({
      links: [{ id: "tap1", type: "ovs", ethernet_mac_address: "52:54:00:00:00:98", mtu: 1450 }],
      networks: [
        { id: "network0", link: "tap1", type: "ipv4_dhcp" },
        {
          id: "network1",
          link: "tap1",
          type: "ipv6",
          ip_address: "2001:db8::7",
          netmask: "ffff:ffff:ffff:ffff::",
          routes: [{ network: "::", netmask: "::", gateway: "2001:db8::1" }],
        },
      ],
      services: [{ type: "dns", address: "9.9.9.9" }],
    }),
    "/metadata": JSON.stringify({ hostname: "server-packet", ssh_keys: [key] }),
    "/userdata": USERDATA,
    "/conf": JSON.stringify({ hostname: "scw-node", ssh_public_keys: [{ key }] }),
    "/user_data/cloud-init": USERDATA,
    "/v1.json": JSON.stringify({ hostname: "guest-vultr", "public-keys": key }),
    "/latest/meta-data/local-hostname": "ip-10-0-0-5.ec2.internal",
    "/latest/meta-data/public-keys/0/openssh-key": key,
    "/latest/user-data": USERDATA,
    "/machine/": wireServer(),
  };

  return ({ method, url, headers, body }) => {
    const { pathname: path } = url;
    if (path === "/latest/api/token") {
      const lifetime = headers["x-aws-ec2-metadata-token-ttl-seconds"];
      return method === "PUT" && lifetime ? { status: 200, body: "t0ken" } : { status: 403, body: "" };
    }
    if (path === "/machine/" && method === "POST") {
      told.push(body ?? "");
      return { status: 200, body: "" };
    }
    if (lacks(path, headers)) return { status: 401, body: "" };
    const found = documents[path];
    return found === undefined ? { status: 404, body: "no such thing" } : { status: 200, body: found };
  };
}

/** Whether a header that the cloud requires is missing. */
function lacks(path: string, headers: Asked["headers"]): boolean {
  if (path.startsWith("/latest/")) {
    const ofVultr = path === "/latest/user-data" && headers["metadata-token"] === "vultr";
    return !ofVultr && headers["x-aws-ec2-metadata-token"] !== "t0ken";
  }
  if (path.startsWith("/computeMetadata/")) return headers["metadata-flavor"] !== "Google";
  if (path.startsWith("/metadata/instance/")) return headers.metadata !== "true";
  if (path === "/v1.json") return headers["metadata-token"] === undefined;
  if (path === "/machine/") return headers["x-ms-version"] === undefined;
  return false;
}

function wireServer(): string {
  return `<?xml version="1.0" encoding="utf-8"?>
<GoalState>
  <Incarnation>1</Incarnation>
  <Container>
    <ContainerId>c0ffee</ContainerId>
    <RoleInstanceList><RoleInstance><InstanceId>i-1.role</InstanceId></RoleInstance></RoleInstanceList>
  </Container>
</GoalState>`;
}
