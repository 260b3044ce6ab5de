import { utf8 } from "../bytes.ts";
import type { Wifi } from "../schema/wifi.ts";
import type { StepKind } from "./kind.ts";

const WPA_SUPPLICANT = "/etc/wpa_supplicant/k3os.conf";

export const wifi: StepKind<"wifi"> = {
  describe: ({ networks }) => `join the Wi-Fi networks ${networks.map(({ name }) => name).join(", ")}`,
  files: ({ networks }) => [{ path: WPA_SUPPLICANT, content: wpaSupplicantConf(networks), mode: 0o600 }],
};

/**
 * The networks for wpa_supplicant (wpa_supplicant.conf(5)), the first one with the highest priority. Names are written
 * as hexadecimal bytes, so that none needs quotes. A passphrase is quoted and may contain quotation marks, because it
 * ends at the last one of its line. schema/access.ts refuses passphrases that wpa_supplicant would read as a comment.
 */
export function wpaSupplicantConf(networks: readonly Wifi[]): string {
  const blocks = networks.map((network, index) => {
    const lines = [
      `ssid=${hex(network.name)}`,
      ...authentication(network.passphrase),
      `priority=${networks.length - index}`,
      // Sends requests with the network's name. Hidden networks answer only those.
      "scan_ssid=1",
    ];
    return `network={\n${lines.map((line) => `\t${line}\n`).join("")}}\n`;
  });
  return ["ctrl_interface=/run/wpa_supplicant\n", ...blocks].join("");
}

/** 64 hexadecimal digits are the key itself, which only WPA2 accepts. WPA3 needs the passphrase. */
function authentication(passphrase: string | undefined): string[] {
  if (passphrase === undefined) return ["key_mgmt=NONE"];
  if (/^[0-9A-Fa-f]{64}$/.test(passphrase))
    return ["key_mgmt=WPA-PSK WPA-PSK-SHA256", `psk=${passphrase}`, "ieee80211w=1"];
  return ["key_mgmt=SAE WPA-PSK WPA-PSK-SHA256", `psk="${passphrase}"`, "ieee80211w=1"];
}

function hex(text: string): string {
  return [...utf8(text)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
