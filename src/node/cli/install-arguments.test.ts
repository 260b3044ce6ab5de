import { describe, expect, it } from "vitest";
import { readSettings } from "./install-arguments.ts";

describe("readSettings", () => {
  const cases: [string, string[], Record<string, string>, object, object][] = [
    ["the config alone", [], {}, { device: "only", silent: true }, { device: "only", silent: true }],
    [
      "options over the environment over the config",
      ["--device", "c"],
      { K3OS_INSTALL_DEVICE: "b" },
      { device: "a" },
      { device: "c" },
    ],
    [
      "the environment's truth",
      [],
      { K3OS_INSTALL_DEBUG: "false", K3OS_INSTALL_POWER_OFF: "true" },
      { debug: true },
      { debug: false, power_off: true },
    ],
    [
      "old install.sh",
      ["--force-efi", "--poweroff", "--config", "http://c", "/dev/sda", "http://i"],
      {},
      {},
      { force_efi: true, power_off: true, config_url: "http://c", device: "/dev/sda", iso_url: "http://i" },
    ],
    [
      "a key for the image",
      ["--image", "http://i", "--image-key", "ssh-ed25519 AAAA me"],
      {},
      {},
      { iso_url: "http://i", image_key: "ssh-ed25519 AAAA me" },
    ],
    [
      "values that hold an equals sign",
      ["--device=size>=100G", "--yes"],
      {},
      {},
      { device: "size>=100G", silent: true },
    ],
  ];
  for (const [what, args, env, config, want] of cases)
    it(what, () => expect(readSettings(args, env, config)).toEqual(want));

  it("refuses what it does not know, and --takeover with a way out", () => {
    expect(() => readSettings(["--fast"], {}, {})).toThrow('unexpected "--fast"');
    expect(() => readSettings(["a", "b", "c"], {}, {})).toThrow('unexpected "c"');
    expect(() => readSettings(["--device"], {}, {})).toThrow("--device needs a value");
    for (const twice of [
      ["--device", "b"],
      ["--config-url", "b", "--config", "c"],
    ]) {
      expect(() => readSettings(["a", ...twice], {}, {})).toThrow("was given twice");
    }
    expect(() => readSettings(["--takeover"], {}, {})).toThrow("not supported");
  });
});
