import { utf8 } from "../bytes.ts";
import type { Wifi } from "../schema.ts";

/**
 * The networks for wpa_supplicant (wpa_supplicant.conf(5)), the first one with the highest priority. Names are written as the bytes that they are,
 * so nothing in them needs quotes. A passphrase ends at the last quotation mark of its line, so it may have some itself; what is mistaken for a comment is refused
 * before (schema/access.ts).
 */
export function wpaSupplicantConf(networks: readonly Wifi[]): string {
  const blocks = networks.map((network, index) => {
    const lines = [
      `ssid=${hex(network.name)}`,
      ...authentication(network.passphrase),
      `priority=${networks.length - index}`,
      // Asks for the network by its name, which hidden ones wait for.
      "scan_ssid=1",
    ];
    return `network={\n${lines.map((line) => `\t${line}\n`).join("")}}\n`;
  });
  return ["ctrl_interface=/run/wpa_supplicant\n", ...blocks].join("");
}

/** WPA3 takes the passphrase itself; of 64 hexadecimal digits, which are the key made from it, only WPA2 has a use. */
function authentication(passphrase: string | undefined): string[] {
  if (passphrase === undefined) return ["key_mgmt=NONE"];
  if (/^[0-9A-Fa-f]{64}$/.test(passphrase))
    return ["key_mgmt=WPA-PSK WPA-PSK-SHA256", `psk=${passphrase}`, "ieee80211w=1"];
  return ["key_mgmt=SAE WPA-PSK WPA-PSK-SHA256", `psk="${passphrase}"`, "ieee80211w=1"];
}

function hex(text: string): string {
  return [...utf8(text)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
