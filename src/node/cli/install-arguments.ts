import type { InstallConfig } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import type { Settings } from "../install/settings.ts";
import { givenTwice, parseArguments } from "./arguments.ts";

const FLAGS: Readonly<Record<string, "silent" | "force" | "power_off" | "no_format" | "force_efi" | "debug">> = {
  "--silent": "silent",
  "--yes": "silent",
  "-y": "silent",
  "--force": "force",
  "--power-off": "power_off",
  "--poweroff": "power_off",
  "--no-format": "no_format",
  "--force-efi": "force_efi",
  "--debug": "debug",
};

const VALUES: Readonly<Record<string, "device" | "config_url" | "iso_url" | "image_key" | "tty">> = {
  "--device": "device",
  "--config": "config_url",
  "--config-url": "config_url",
  "--image": "iso_url",
  "--iso-url": "iso_url",
  "--image-key": "image_key",
  "--tty": "tty",
};

/** The variables that old k3OS's install.sh read. */
const VARIABLES: Readonly<Record<string, keyof InstallConfig>> = {
  K3OS_INSTALL_DEVICE: "device",
  K3OS_INSTALL_CONFIG_URL: "config_url",
  K3OS_INSTALL_ISO_URL: "iso_url",
  K3OS_INSTALL_IMAGE_KEY: "image_key",
  K3OS_INSTALL_TTY: "tty",
  K3OS_INSTALL_SILENT: "silent",
  K3OS_INSTALL_FORCE: "force",
  K3OS_INSTALL_POWER_OFF: "power_off",
  K3OS_INSTALL_NO_FORMAT: "no_format",
  K3OS_INSTALL_FORCE_EFI: "force_efi",
  K3OS_INSTALL_DEBUG: "debug",
};

/**
 * Merges the settings: the command line wins over the environment, and that over the config. As in old k3OS's
 * install.sh, the first word without an option is the device, the second one the image.
 */
export function readSettings(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  config: InstallConfig,
): Settings {
  const words: string[] = [];
  const options: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (arg === "--takeover") throw takeover();
    if (!arg.startsWith("-")) words.push(arg);
    else {
      options.push(arg);
      const value = args[i + 1];
      if (VALUES[arg] !== undefined && value !== undefined) options.push(args[++i] ?? "");
    }
  }
  if (words.length > 2) throw new K3osError("usage", `unexpected "${words[2]}"`, { hint: "Expected: DEVICE, IMAGE." });
  const given = parseArguments(options, { flags: Object.keys(FLAGS), values: Object.keys(VALUES) });
  const settings: Record<string, string | boolean> = { ...config };
  for (const [name, key] of Object.entries(VARIABLES)) {
    const value = env[name];
    if (value === undefined || value === "") continue;
    settings[key] = isFlag(key) ? value !== "false" && value !== "0" : value;
  }
  return { ...settings, ...flagsOf(given), ...valuesOf(words, given) } as Settings;
}

function flagsOf(given: Readonly<Record<string, string>>): Record<string, true> {
  return Object.fromEntries(Object.keys(given).flatMap((name) => (FLAGS[name] ? [[FLAGS[name], true]] : [])));
}

/** The device, the image and so on, each given at most once, as a word or by an option. */
function valuesOf(words: readonly string[], given: Readonly<Record<string, string>>): Record<string, string> {
  const values: Record<string, string> = {};
  const [device, image] = words;
  if (device !== undefined) values.device = device;
  if (image !== undefined) values.iso_url = image;
  for (const [name, value] of Object.entries(given)) {
    const key = VALUES[name];
    if (key === undefined) continue;
    if (values[key] !== undefined) throw givenTwice(name);
    values[key] = value;
  }
  return values;
}

function isFlag(key: keyof InstallConfig): boolean {
  return Object.values<string>(FLAGS).includes(key);
}

function takeover(): K3osError {
  return new K3osError("usage", "--takeover, which put k3OS into the file system of another Linux, is not supported", {
    hint: "Install to a disk of its own, or boot the ISO and erase this one.",
  });
}
