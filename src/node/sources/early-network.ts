import type { Network } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";
import { awaitCards, configureNetwork, usesDhcp } from "../network/configure.ts";

const CONFIG = "/usr/lib/k3os/dhcpcd-early.conf";
/** Ends at the first address and keeps it. The service takes it over. */
const DHCPCD = ["dhcpcd", "--config", CONFIG, "--oneshot", "--waitip=4", "--ipv4only", "--quiet"];
const DHCP_TIMEOUT_S = 10;
const LINK_LOCAL_TIMEOUT_S = 20;

/**
 * Gives the machine an address before its configuration is known, for metadata services. Only machines whose
 * configuration names a cloud wait for it. Applies what the machine's own layers say about the network, and DHCP
 * otherwise. If no server answers, uses a link-local address, which is all that 169.254.169.254 needs. Only that
 * address is first probed for another owner, which takes seconds.
 */
export async function bringUpEarlyNetwork(
  host: Host,
  network: Network | undefined,
  drivers: Promise<unknown>,
): Promise<void> {
  if (network !== undefined) {
    await awaitCards(host, network, drivers);
    // Failures are reported when the whole configuration is applied.
    await configureNetwork(host, network).catch(() => {});
    if (!usesDhcp(host)) return;
  }
  if (!hasCard(host)) await drivers;
  if (!hasCard(host)) return;
  if (await succeeds(host, ["--noarp"], DHCP_TIMEOUT_S)) return;
  await succeeds(host, ["--reboot", "1"], LINK_LOCAL_TIMEOUT_S);
}

async function succeeds(host: Host, options: readonly string[], seconds: number): Promise<boolean> {
  const argv = [...DHCPCD, ...options, "--timeout", String(seconds)];
  const { status } = await host.exec(argv, { timeoutMs: (seconds + 5) * 1000 });
  return status === 0;
}

function hasCard(host: Host): boolean {
  return host.list("/sys/class/net").some((name) => host.stat(`/sys/class/net/${name}/device`));
}
