import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { build } from "../../../src/build/index.ts";
import { eventually } from "../support/eventually.ts";
import { useMachine } from "../support/machine.ts";

const passphrase = '#1 pa"ss\\word';
const name = 'Büro "2"';

/**
 * The second of two radios that hear each other goes into a network namespace, with an access point and a DHCP server
 * on it.
 */
const accessPoint = `#!/bin/sh -e
ip netns add ap
iw phy "$(cat /sys/class/net/wlan1/phy80211/name)" set netns name ap
ip netns exec ap ip address add 10.77.0.1/24 dev wlan1
ip netns exec ap hostapd -B /run/ap/hostapd.conf
touch /run/ap/leases
ip netns exec ap udhcpd /run/ap/udhcpd.conf
`;
const hostapd = `interface=wlan1
driver=nl80211
ssid=${name}
hw_mode=g
channel=1
wpa=2
wpa_key_mgmt=WPA-PSK
rsn_pairwise=CCMP
wpa_passphrase=${passphrase}
`;
const udhcpd = `interface wlan1
start 10.77.0.100
end 10.77.0.100
lease_file /run/ap/leases
option subnet 255.255.255.0
option router 10.77.0.1
`;

const config = JSON.stringify({
  hostname: "test-wifi",
  k3os: {
    modules: ["mac80211_hwsim radios=2"],
    wifi: [
      { name: "elsewhere", passphrase: "not in the air" },
      { name, passphrase },
    ],
  },
  write_files: [
    { path: "/run/ap/hostapd.conf", content: hostapd },
    { path: "/run/ap/udhcpd.conf", content: udhcpd },
    { path: "/run/ap/start", content: accessPoint, permissions: "0755" },
  ],
  boot_cmd: ["/run/ap/start"],
});

describe("a node with a Wi-Fi card", () => {
  const node = useMachine("test-wifi");

  beforeAll(async () => {
    const { dir } = await build({ spec: join(import.meta.dirname, "../support/wifi.yaml") });
    await node.start({ boot: { kind: "image", dir }, config });
    await node.reachable();
  });

  it("joins the network that is in the air, and has an address there", async () => {
    await eventually(async () => {
      expect(await node.node("ip -4 -oneline address show dev wlan0")).toContain("10.77.0.100/24");
    });
    expect(await node.node("sudo wpa_cli -i wlan0 status")).toMatch(/key_mgmt=WPA2-PSK[\s\S]*wpa_state=COMPLETED/);
    expect(await node.node("sudo ping -c 1 -W 10 -I wlan0 10.77.0.1")).toContain("1 packets received");
    expect(await node.node("ip route show default")).toMatch(
      /^default via 10\.0\.2\.2 .*\n.*via 10\.77\.0\.1 dev wlan0/,
    );
  });

  it("keeps the passphrase to itself", async () => {
    expect(await node.node("stat -c '%a %U' /etc/wpa_supplicant/k3os.conf")).toBe("600 root\n");
    const logs = await node.node("sudo cat /var/log/messages; sudo dmesg; sudo k3os status; ps -ef");
    for (const secret of [passphrase, "not in the air"])
      expect(logs + node.machine.serial.text()).not.toContain(secret);
    expect(await node.node("sudo k3os config")).not.toContain("not in the air");
  });

  it("has nothing left to apply", async () => {
    expect(await node.node("sudo k3os config --plan")).toBe("# nothing\n");
    // Whether it is Ready by now makes no difference.
    const { stdout } = await node.ssh("sudo k3os status");
    expect(stdout).toMatch(/^user data +from cdrom$/m);
    expect(stdout).not.toMatch(/Wi-Fi/);
  });
});
