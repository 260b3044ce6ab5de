import { type Facts, plan } from "./index.ts";
import { loadText } from "./testing.ts";

/** The node that the plans of tests are for. */
export const FACTS: Facts = { mode: "live", version: "v0.30.0" };
export const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE me";
/** The arguments that k3s gets on every such node. */
export const SYSTEM = ["--node-label=k3os.io/mode=live", "--node-label=k3os.io/version=v0.30.0"];

/** The plan of a config. */
export const steps = (text: string) => plan(loadText(text).config, FACTS);
/** A config with a step of nearly every kind. */
export const WHOLE = `
hostname: node-1
ssh_authorized_keys: ["${KEY}", github:octocat]
write_files:
- { path: /etc/motd, content: Welcome }
- { path: /opt/tool, content: H4sIAA==, encoding: gz+b64, permissions: 0755, owner: rancher }
init_cmd: [first]
boot_cmd: [second, third]
run_cmd: fourth
k3os:
  modules: [nbd nbds_max=16]
  sysctls: { kernel.printk: "4 4 1 7" }
  ntp_servers: [pool.ntp.org]
  dns_nameservers: [1.1.1.1, "::1"]
  password: rancher
  token: s3cret
  server_url: https://10.0.0.1:6443
  labels: { zone: b, app: a }
  taints: [dedicated=db:NoSchedule]
  k3s_args: [--node-ip=10.0.0.2]
  environment: { HTTPS_PROXY: http://proxy }
  timezone: Europe/Berlin
  mounts: [{ device: /dev/vdb, path: /mnt/data, format: true, options: noatime }]
  users: [{ name: ada, groups: [sudo, adm], sudo: true, ssh_authorized_keys: ["${KEY}", github:ada] }]
  registries: { mirrors: { docker.io: { endpoint: [https://mirror] } } }
`;
