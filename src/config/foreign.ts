/**
 * Keys of cloud-init's `#cloud-config`, squashed, that mean nothing here, and what to use instead if there is something.
 * They are told from typing errors, because whoever moves to k3OS brings such files along.
 */
const CLOUD_CONFIG = `
ansible apkrepos apt aptpipelining autoinstall byobubydefault cacerts chef cloudconfigmodules
cloudfinalmodules cloudinitmodules createhostnamefile datasource disableec2metadata disableroot disablerootopts disksetup
drivers fanconfig finalmessage fqdn fssetup groups growpart keyboard landscape locale localeconfigfile lxd
manageetchosts manageresolvconf mcollective mergehow mergetype migrate mounts mountdefaultfields network
nosshfingerprints output packagerebootifrequired packages packageupdate packageupgrade phonehome powerstate
preferfqdnoverhostname preservehostname puppet randomseed reporting resizerootfs rhsubscription rsyslog salt
saltminion snap spacewalk sshdeletekeys sshfpconsoleblacklist sshgenkeytypes sshimportid sshkeys sshpublishhostkeys
sshpwauth sshquietkeygen swap systeminfo ubuntuadvantage updatehostname user users vendordata version
wireguard yumrepodir yumrepos zypper
`;

const INSTEAD: Readonly<Record<string, string>> = {
  chpasswd: "use `k3os.password`",
  fqdn: "use `hostname`",
  ntp: "use `k3os.ntp_servers`",
  resolvconf: "use `k3os.dns_nameservers`",
  sshimportid: "use `ssh_authorized_keys` with `github:NAME`",
  packages: "the system is immutable: packages are added when the image is built",
  timezone: "the clock is UTC",
  users: "the user is `rancher`; give it keys with `ssh_authorized_keys`",
};

const known = new Set([...CLOUD_CONFIG.trim().split(/\s+/), ...Object.keys(INSTEAD)]);

/** What to say about a key of cloud-init: a hint, "" if there is none, `undefined` if it is not one. */
export function adviceFor(squashed: string): string | undefined {
  return known.has(squashed) ? (INSTEAD[squashed] ?? "") : undefined;
}
