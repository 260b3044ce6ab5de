import { describe, expect, it } from "vitest";
import { wpaSupplicantConf } from "./wifi.ts";

const lines = (passphrase: string) => wpaSupplicantConf([{ name: "a", passphrase }]).split("\n");

describe("wpaSupplicantConf", () => {
  it("prefers the first network, and lets an open one be joined", () => {
    expect(wpaSupplicantConf([{ name: "home", passphrase: "correct horse" }, { name: "guests" }])).toBe(`\
ctrl_interface=/run/wpa_supplicant
network={
\tssid=686f6d65
\tkey_mgmt=SAE WPA-PSK WPA-PSK-SHA256
\tpsk="correct horse"
\tieee80211w=1
\tpriority=2
\tscan_ssid=1
}
network={
\tssid=677565737473
\tkey_mgmt=NONE
\tpriority=1
\tscan_ssid=1
}
`);
  });

  it.each(['eight"88', "# no comment", "back\\slash", "}\tnetwork={".replace("\t", " ")])(
    "keeps %s as it is",
    (text) => {
      expect(lines(text)).toContain(`\tpsk="${text}"`);
    },
  );

  it("takes 64 hexadecimal digits for the key itself", () => {
    expect(lines("0f".repeat(32))).toContain(`\tpsk=${"0f".repeat(32)}`);
  });

  it("writes names as bytes, whatever they are", () => {
    expect(wpaSupplicantConf([{ name: 'Büro "}\n' }])).toContain("\tssid=42c3bc726f20227d0a\n");
  });
});
