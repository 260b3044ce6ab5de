import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { neighbourAnswers } from "./neighbours.ts";

interface Network {
  readonly gateways?: Readonly<Record<string, string>>;
  /** Gateways that answer a ping. */
  readonly answering?: readonly string[];
  /** Interfaces with a neighbour that was heard of. */
  readonly heard?: readonly string[];
}

function onNetwork({ gateways = {}, answering = [], heard = [] }: Network, options = {}) {
  const routes = Object.entries(gateways).map(([gateway, dev]) => ({ dst: "default", gateway, dev }));
  const host = memoryHost({
    programs: {
      ip: (argv) => {
        if (argv.includes("neigh")) return { stdout: JSON.stringify(heard.map((dev) => ({ dst: "10.0.0.9", dev }))) };
        const isIpv6 = argv.includes("-6");
        return { stdout: JSON.stringify(routes.filter(({ gateway }) => gateway.includes(":") === isIpv6)) };
      },
      ping: (argv) => ({ status: answering.includes(argv.at(-1) ?? "") ? 0 : 1 }),
    },
  });
  return neighbourAnswers(host, options);
}

describe("neighbourAnswers", () => {
  it.each<[string, Network, boolean]>([
    ["a gateway answers", { gateways: { "10.0.2.2": "eth0" }, answering: ["10.0.2.2"] }, true],
    ["one of two does", { gateways: { "10.0.2.2": "eth0", "fe80::2": "eth0" }, answering: ["fe80::2"] }, true],
    ["it ignores a ping, but has an address", { gateways: { "10.0.2.2": "eth0" }, heard: ["eth0"] }, true],
    ["there is a neighbour, and no gateway", { heard: ["bond0"] }, true],
    ["nobody answers", { gateways: { "10.0.2.2": "eth0" } }, false],
    ["only pods do", { gateways: { "10.0.2.2": "eth0" }, heard: ["cni0", "veth12"] }, false],
    ["there is no network", {}, false],
  ])("if %s", async (_, network, answers) => {
    expect(await onNetwork(network)).toBe(answers);
  });

  it("is not noted of a network without a gateway, where nothing makes a neighbour answer again", async () => {
    expect(await onNetwork({ heard: ["bond0"] }, { byGateway: true })).toBe(false);
    expect(await onNetwork({ gateways: { "10.0.2.2": "eth0" }, heard: ["eth0"] }, { byGateway: true })).toBe(true);
  });
});
