/**
 * Every key of config.yaml: one entry here gives it its spellings, its type, its checks and its documentation.
 * `plan.ts` says which steps it asks for.
 */
import { CLOUD_NAMES } from "./clouds.ts";
import { flag, type Infer, list, map, struct, text } from "./kinds.ts";
import { network } from "./network/schema.ts";
import { file } from "./schema/file.ts";
import { install } from "./schema/install.ts";
import { manifest } from "./schema/manifest.ts";
import { mount } from "./schema/mount.ts";
import { proxy } from "./schema/proxy.ts";
import { registries } from "./schema/registries.ts";
import { timezone } from "./schema/timezone.ts";
import { upgrade } from "./schema/upgrade.ts";
import { user } from "./schema/user.ts";
import { wifi } from "./schema/wifi.ts";
import * as values from "./values.ts";

export type { ConfigFile } from "./schema/file.ts";
export type { InstallConfig } from "./schema/install.ts";
export type { Manifest } from "./schema/manifest.ts";
export type { Mount } from "./schema/mount.ts";
export type { Proxy } from "./schema/proxy.ts";
export type { UpgradeCheck, UpgradeConfig, UpgradeWindow } from "./schema/upgrade.ts";
export type { User } from "./schema/user.ts";
export type { Wifi } from "./schema/wifi.ts";

const command = text({ about: "A line for /bin/sh.", check: values.notEmpty });

const k3os = struct(
  {
    data_sources: list(text({ check: values.dataSource }), {
      about:
        "Where user data is looked for, in this order, until one answers: `cdrom` (a NoCloud volume), `file=/path`, or a " +
        `cloud: ${CLOUD_NAMES.map((name) => `\`${name}\``).join(", ")}.`,
      example: "[aws, cdrom]",
    }),
    modules: list(text({ check: values.kernelModule }), {
      about: "Kernel modules to load; parameters follow the name.",
      example: "[wireguard, nbd nbds_max=16]",
    }),
    sysctls: map(text({ check: values.sysctlValue }), {
      about: "Kernel parameters.",
      example: "{ vm.max_map_count: 262144 }",
      checkKey: values.sysctlKey,
    }),
    ntp_servers: list(text({ check: values.hostOrIp }), {
      about: "Where the time comes from.",
      example: "[0.pool.ntp.org, 1.pool.ntp.org]",
    }),
    dns_nameservers: list(text({ check: values.ipAddress }), {
      about: "Name servers, before those that DHCP tells.",
      example: "[1.1.1.1, 8.8.8.8]",
    }),
    network,
    wifi: list(wifi, {
      key: "name",
      about: "Wi-Fi networks, the preferred one first; on an image that can (network.md).",
      example: "[{ name: home, passphrase: correct horse }]",
    }),
    password: text({
      about: "Password of the user rancher for the console, plain or as crypt(5) prints it.",
      check: values.password,
      example: "$y$j9T$…",
      secret: true,
    }),
    server_url: text({
      about: "The server to join. With it the node is an agent, unless `k3s_args` says something else.",
      check: values.serverUrl,
      example: "https://10.0.0.1:6443",
    }),
    token: text({ about: "The secret that nodes join with.", check: values.token, example: "K10…", secret: true }),
    labels: map(text({ check: values.labelValue }), {
      about: "Labels of the node.",
      example: "{ region: us-west-1 }",
      checkKey: values.labelKey,
    }),
    k3s_args: list(text({ check: values.k3sArgument }), {
      about: "The role (`server` or `agent`) and arguments of k3s.",
      unit: "argument",
      example: "[server, --disable=metrics-server]",
    }),
    environment: map(text({ check: values.environmentValue }), {
      about:
        "Variables for k3s and for everybody who logs in; secrets, by name or as the user of a URL, for k3s alone.",
      example: "{ AWS_REGION: us-west-1 }",
      checkKey: values.environmentName,
    }),
    taints: list(text({ check: values.taint }), {
      about: "Taints that the node registers with.",
      example: "[dedicated=db:NoSchedule]",
    }),
    timezone: text({
      about: "The zone of local time; UTC if not given. The hardware's clock is always UTC.",
      check: timezone,
      example: "Europe/Berlin",
    }),
    mounts: list(mount, {
      about: "Volumes, mounted before the services start.",
      unique: "path",
      example: "[{ device: LABEL=data, path: /mnt/data }]",
    }),
    users: list(user, {
      about: "Accounts beside rancher.",
      unique: "name",
      example: "[{ name: ada, ssh_authorized_keys: [github:octocat], sudo: true }]",
    }),
    proxy,
    registries,
    manifests: list(manifest, {
      about: "Kubernetes manifests that a server starts with. Each is put there once: your edit or deletion stays.",
      unique: "name",
      example: "[{ name: my-app, url: https://example.com/my-app.yaml }]",
    }),
    upgrade,
    watchdog: flag({
      about: "Whether a watchdog resets the machine when it hangs. A trial has one in any case.",
      example: "true",
    }),
    install,
  },
  { about: "The node and its Kubernetes.", aliases: ["k3o"] },
);

export const schema = struct(
  {
    hostname: text({ about: "The name of the machine.", check: values.hostname, example: "node-1" }),
    ssh_authorized_keys: list(text({ check: values.sshKey }), {
      about: "Who may log in as rancher: public keys, `github:NAME`, `gitlab:NAME`, or a URL of keys.",
      example: "[github:octocat]",
      // As cloud-init does it: who has started the machine is never locked out by its config.
      adds: ["metadata", "authorized-keys"],
    }),
    write_files: list(file, {
      about: "Files to write.",
      key: "path",
      example: "[{ path: /etc/motd, content: Welcome }]",
    }),
    init_cmd: list(command, { about: "Commands run first of all.", example: "[modprobe loop]" }),
    boot_cmd: list(command, { about: "Commands run before the services start.", example: "[ip link set eth1 up]" }),
    run_cmd: list(command, {
      about: "Commands run when the network is up, before Kubernetes starts.",
      example: "[echo ready]",
    }),
    k3os,
  },
  { about: "A node." },
);

/** A key at the top of the file, or one of `k3os`. */
export type ConfigKey = Exclude<keyof typeof schema.keys, "k3os"> | `k3os.${keyof typeof k3os.keys}`;

/** A whole config: every key is optional, and none is `null`. */
export type Config = Infer<typeof schema>;
