import type { Host } from "../../host/host.ts";

/** Interfaces of the pod network. Whoever answers there is this machine. */
const OWN = /^(lo|cni|veth|flannel|kube|cali|cilium|lxc|docker|nodelocaldns|k3os0)/;

interface Route {
  readonly gateway?: string;
  readonly dev?: string;
}

/**
 * Whether anybody on the network answers: the gateway, or any neighbour that the kernel has heard of lately (ARP,
 * NDP). Tells a server that is away from a network that this system cannot use. `byGateway`: only where there is a
 * gateway, which can be asked again; nothing makes a neighbour speak.
 */
export async function neighbourAnswers(host: Host, { byGateway = false } = {}): Promise<boolean> {
  const routes = (await Promise.all(["-4", "-6"].map((family) => ip(host, family, "route", "show", "default")))).flat();
  if (byGateway && !(routes as Route[]).some(({ gateway }) => gateway)) return false;
  const pings = (routes as Route[]).map(({ gateway, dev }) => gateway && dev && ping(host, gateway, dev));
  if ((await Promise.all(pings)).includes(true)) return true;
  // A gateway may ignore a ping. To send one, the kernel had to find its address nevertheless.
  const neighbours = (await ip(host, "neigh", "show", "nud", "reachable")) as Route[];
  return neighbours.some(({ dev = "" }) => !OWN.test(dev));
}

async function ping(host: Host, gateway: string, device: string): Promise<boolean> {
  const argv = ["ping", "-c", "1", "-W", "1", "-I", device, gateway];
  return (await host.exec(argv, { timeoutMs: 5000 })).status === 0;
}

async function ip(host: Host, ...words: string[]): Promise<unknown[]> {
  const { stdout } = await host.exec(["ip", "-json", ...words], { timeoutMs: 5000 });
  return JSON.parse(stdout.trim() || "[]");
}
