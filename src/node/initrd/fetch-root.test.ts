import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { fetchRoot } from "./fetch-root.ts";

const url = "http://10.0.2.2/k3os/root.squashfs";
const content = "root";

interface Lab {
  readonly cards?: Record<string, { mac?: string; carrier?: string }>;
  /** Cards on a network with a DHCP server. */
  readonly dhcp?: string[];
  /**
   * The result of each try of wget. A text is what it fetches, whole or in part; a number is its exit status. The last
   * entry repeats.
   */
  readonly server?: (string | number)[];
  readonly sum?: string;
}

function machine({ cards = { eth0: {} }, dhcp = ["eth0"], server = [content], sum = "good" }: Lab = {}) {
  const tries = [...server];
  const files: Record<string, string> = { "/root.json": JSON.stringify({ sha256: "good", size: content.length }) };
  for (const [name, { mac = "52:54:00:00:00:01", carrier = "1" }] of Object.entries(cards)) {
    files[`/sys/class/net/${name}/device`] = "";
    files[`/sys/class/net/${name}/address`] = `${mac}\n`;
    files[`/sys/class/net/${name}/carrier`] = `${carrier}\n`;
  }
  const host = memoryHost({
    files: { "/sys/class/net/lo/address": "00:00:00:00:00:00\n", ...files },
    programs: {
      modprobe: () => ({}),
      ip: () => ({}),
      udhcpc: (argv) => ({ status: dhcp.includes(argv[argv.indexOf("-i") + 1] ?? "") ? 0 : 1 }),
      wget: () => {
        const next = tries.length > 1 ? tries.shift() : tries[0];
        if (typeof next === "number") return { status: next, stderr: "wget: can't connect to remote host\n" };
        host.write("/root.squashfs", next ?? "");
        return {};
      },
      sha256sum: () => ({ stdout: `${sum}  /root.squashfs\n` }),
    },
  });
  return host;
}

const asked = (host: ReturnType<typeof machine>) =>
  host.ran.filter(([program]) => program === "udhcpc").map((argv) => argv[argv.indexOf("-i") + 1]);

describe("fetchRoot", () => {
  it("fetches, checks, and leaves the cards as they were", async () => {
    const host = machine();
    expect(await fetchRoot(host, url, undefined)).toBe("/root.squashfs");
    const programs = host.ran.map((argv) => argv.filter((word) => !word.startsWith("-")).join(" "));
    expect(programs.slice(-3)).toEqual([
      "sha256sum /root.squashfs",
      "ip address flush dev eth0",
      "ip link set dev eth0 down",
    ]);
  });

  it("asks on the card that the machine was booted through", async () => {
    const cards = { eth0: {}, eth1: { mac: "52:54:00:00:00:02" } };
    const host = machine({ cards, dhcp: ["eth0", "eth1"] });
    await fetchRoot(host, url, "52:54:00:00:00:02");
    expect(asked(host)).toEqual(["eth1"]);
  });

  it("asks on every card with a link until a server answers", async () => {
    const cards = { eth0: { carrier: "0" }, eth1: {}, eth2: {} };
    const host = machine({ cards, dhcp: ["eth2"] });
    await fetchRoot(host, url, undefined);
    expect(asked(host)).toEqual(["eth1", "eth2"]);
  });

  it("tries again when the server does not answer, or ends in the middle", async () => {
    const host = machine({ server: [1, "ro", content] });
    await fetchRoot(host, url, undefined);
    expect(host.warned).toEqual([
      `k3os: fetching ${url} through eth0, 0 MB\n`,
      `k3os: ${url} cannot be fetched: can't connect to remote host; trying again in 1 s\n`,
      `k3os: fetching ${url} through eth0, 0 MB\n`,
      `k3os: ${url} cannot be fetched: expected 4 bytes, got 2; trying again in 2 s\n`,
      `k3os: fetching ${url} through eth0, 0 MB\n`,
    ]);
  });

  it.each<[string, Lab, string]>([
    ["no server", { server: [1] }, `${url} cannot be fetched: can't connect to remote host`],
    ["a file that is too large", { server: ["root and more"] }, "cannot be fetched: expected 4 bytes, got 13"],
    ["no DHCP server", { dhcp: [] }, "no DHCP server answers on eth0"],
    ["no link", { cards: { eth0: { carrier: "0" } } }, "no network card has a link: eth0"],
    ["no card", { cards: {} }, "no network card was found"],
  ])("gives up after some minutes: %s", async (_, lab, message) => {
    const host = machine(lab);
    await expect(fetchRoot(host, url, undefined)).rejects.toThrow(message);
    expect(host.monotonic()).toBeGreaterThan(90_000);
    expect(host.monotonic()).toBeLessThan(400_000);
  });

  it("takes no other root, and does not ask for it again", async () => {
    const host = machine({ sum: "bad" });
    await expect(fetchRoot(host, url, undefined)).rejects.toThrow(
      `${url} is not the root of this initrd: expected sha256 good, got bad`,
    );
    expect(host.ran.filter(([program]) => program === "wget")).toHaveLength(1);
  });
});
