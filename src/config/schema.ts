/**
 * Every key of config.yaml: one entry here gives it its spellings, its type, its checks and its documentation. What the
 * node does about it is one entry in `plan.ts`.
 */
import { base64Flaw, latin1 } from "./bytes.ts";
import { type Infer, later, list, map, struct, text } from "./kinds.ts";
import * as values from "./values.ts";

const command = text({ about: "A line for /bin/sh.", check: values.notEmpty });

const file = struct(
  {
    path: text({ about: "Where the file goes. Directories are made.", check: values.filePath, example: "/etc/motd" }),
    content: text({ about: "The file, encoded as `encoding` says.", example: "Welcome" }),
    encoding: text({
      about: "base64, gzip or gz+b64; plain text if not given.",
      check: values.encoding,
      example: "b64",
    }),
    permissions: text({ about: "Octal; 0644 if not given.", check: values.permissions, example: "0600" }),
    owner: text({ about: "As chown takes it; root if not given.", check: values.owner, example: "rancher:rancher" }),
  },
  { about: "One file.", needed: ["path"], check: checkContent },
);

const k3os = struct(
  {
    data_sources: list(text({ about: "A place.", check: values.dataSource }), {
      about: "Where user data is looked for, in this order: `cdrom`, `file=/path`.",
      example: "[cdrom]",
    }),
    modules: list(text({ about: "A module.", check: values.kernelModule }), {
      about: "Kernel modules to load; parameters follow the name.",
      example: "[wireguard, nbd nbds_max=16]",
    }),
    sysctls: map({
      about: "Kernel parameters.",
      example: "{ vm.max_map_count: 262144 }",
      checkKey: values.sysctlKey,
      checkValue: values.sysctlValue,
    }),
    ntp_servers: list(text({ about: "A server.", check: values.hostOrIp }), {
      about: "Where the time comes from.",
      example: "[0.pool.ntp.org, 1.pool.ntp.org]",
    }),
    dns_nameservers: list(text({ about: "An address.", check: values.ipAddress }), {
      about: "Name servers, before those that DHCP tells.",
      example: "[1.1.1.1, 8.8.8.8]",
    }),
    wifi: later("Wi-Fi networks"),
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
    labels: map({
      about: "Labels of the node.",
      example: "{ region: us-west-1 }",
      checkKey: values.labelKey,
      checkValue: values.labelValue,
    }),
    k3s_args: list(text({ about: "An argument.", check: values.k3sArgument }), {
      about: "The role (`server` or `agent`) and arguments of k3s.",
      example: "[server, --disable=metrics-server]",
    }),
    environment: map({
      about: "Variables for k3s and for everybody who logs in.",
      example: "{ HTTPS_PROXY: http://proxy:3128 }",
      checkKey: values.environmentName,
      checkValue: values.environmentValue,
    }),
    taints: list(text({ about: "A taint.", check: values.taint }), {
      about: "Taints that the node registers with.",
      example: "[dedicated=db:NoSchedule]",
    }),
    install: later("Settings of the installer"),
  },
  { about: "The node and its Kubernetes.", aliases: ["k3o"] },
);

export const schema = struct(
  {
    hostname: text({ about: "The name of the machine.", check: values.hostname, example: "node-1" }),
    ssh_authorized_keys: list(text({ about: "A key.", check: values.sshKey }), {
      about: "Who may log in as rancher: public keys, `github:NAME`, `gitlab:NAME`, or a URL of keys.",
      example: "[github:octocat]",
    }),
    write_files: list(file, { about: "Files to write.", example: "[{ path: /etc/motd, content: Welcome }]" }),
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

/** A whole config: every key is optional, and none is `null`. */
export type Config = Infer<typeof schema>;

export type ConfigFile = Infer<typeof file>;

function checkContent(value: Readonly<Record<string, unknown>>) {
  const content = String(value.content ?? "");
  const steps = values.ENCODINGS[String(value.encoding ?? "").toLowerCase()] ?? [];
  const flaw = steps[0] === "base64" ? base64Flaw(content) : undefined;
  if (flaw !== undefined) {
    const hint = "is `encoding` right? `base64 FILE` prints what belongs here";
    return { key: "content", expected: "base64", got: flaw, hint };
  }
  if (steps[0] === "gzip" && latin1(content) === undefined) {
    return { key: "content", expected: "gzip", got: "text", hint: "bytes do not survive in YAML: use encoding gz+b64" };
  }
  return undefined;
}
