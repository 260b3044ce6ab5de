/**
 * Squashed keys of other systems' config files that k3OS does not have, and what to use instead if there is something.
 * People who move to k3OS bring such files along. These keys are not reported as typing errors.
 */
const CLOUD_CONFIG = `
ansible apkrepos apt aptpipelining autoinstall byobubydefault cacerts chef chpasswd cloudconfigmodules
cloudfinalmodules cloudinitmodules createhostnamefile datasource disableec2metadata disableroot disablerootopts disksetup
drivers fanconfig finalmessage fqdn fssetup groups growpart keyboard landscape locale localeconfigfile lxd
manageetchosts manageresolvconf mcollective mergehow mergetype migrate mounts mountdefaultfields network
nosshfingerprints ntp output packagerebootifrequired packages packageupdate packageupgrade phonehome powerstate
preferfqdnoverhostname preservehostname puppet randomseed reporting resizerootfs resolvconf rhsubscription rsyslog salt
saltminion snap spacewalk sshdeletekeys sshfpconsoleblacklist sshgenkeytypes sshimportid sshkeys sshpublishhostkeys
sshpwauth sshquietkeygen swap systeminfo timezone ubuntuadvantage updatehostname user users vendordata version
wireguard yumrepodir yumrepos zypper
`;

const ORIGINS: Record<string, string> = {
  rancher: "RancherOS",
  stages: "Kairos",
  p2p: "Kairos",
  elemental: "Elemental",
  machine: "Talos",
  cluster: "Talos",
  ignition: "Ignition",
  storage: "Ignition",
  systemd: "Ignition",
  passwd: "Ignition",
};
for (const key of CLOUD_CONFIG.trim().split(/\s+/)) ORIGINS[key] = "cloud-init";

const IMMUTABLE = "the system is immutable: packages are added when the image is built";

const INSTEAD: Readonly<Record<string, string>> = {
  cacerts: "write_files can add to /etc/ssl/certs; or add them when the image is built",
  chpasswd: "use `k3os.password`, or `password` in `k3os.users`",
  disksetup: "use `k3os.mounts` with `format: true`",
  fqdn: "use `hostname`",
  fssetup: "use `k3os.mounts` with `format: true`",
  mounts: "use `k3os.mounts`",
  network: "use `k3os.network`",
  ntp: "use `k3os.ntp_servers`",
  packages: IMMUTABLE,
  packageupdate: IMMUTABLE,
  packageupgrade: IMMUTABLE,
  rancher: "the keys of `k3os` take its place",
  resolvconf: "use `k3os.dns_nameservers`",
  sshimportid: "use `ssh_authorized_keys` with `github:NAME`",
  stages: "use `boot_cmd` and `run_cmd`",
  timezone: "use `k3os.timezone`",
  user: "use `k3os.users`",
  users: "use `k3os.users`",
};

/** The system that the key belongs to, and a hint if there is one; `undefined` if no known system has it. */
export function foreign(squashed: string): { readonly of: string; readonly hint?: string } | undefined {
  if (!Object.hasOwn(ORIGINS, squashed)) return undefined;
  const hint = INSTEAD[squashed];
  return { of: ORIGINS[squashed] ?? "", ...(hint !== undefined && { hint }) };
}
