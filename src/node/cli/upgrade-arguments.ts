import { K3osError } from "../../errors.ts";
import type { UpgradeOptions } from "../upgrade/upgrade.ts";
import { parseArguments } from "./arguments.ts";

const FLAGS = ["--stage", "--no-reboot", "--allow-downgrade", "--retry", "--wait", "--json"] as const;
const VALUES = ["--version", "--key"];

/**
 * What the upgrade of old k3OS took, as an option and as a variable. An image is one unit now, and what is written is
 * always synced, so all but the last four say what is done anyway.
 */
const OLD_FLAGS: Readonly<Record<string, string>> = {
  "--kernel": "K3OS_UPGRADE_KERNEL",
  "--rootfs": "K3OS_UPGRADE_ROOTFS",
  "--remount": "K3OS_UPGRADE_REMOUNT",
  "--sync": "K3OS_UPGRADE_SYNC",
  "--reboot": "K3OS_UPGRADE_REBOOT",
};
const OLD_VALUES: Readonly<Record<string, string>> = {
  "--lock-file": "K3OS_UPGRADE_LOCK_FILE",
  "--source": "K3OS_UPGRADE_SOURCE",
  "--destination": "K3OS_UPGRADE_DESTINATION",
};

/**
 * Reads the command line of `k3os upgrade` and the variables of old k3OS. The command line wins. Whoever uses an option
 * of old k3OS gets a restart only with `--reboot`, as there.
 */
export function readUpgradeOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): UpgradeOptions & { readonly wait: boolean; readonly json: boolean } {
  const words = args.filter((arg, index) => !arg.startsWith("-") && !takesNext(args[index - 1]));
  const options = parseArguments(
    args.filter((arg) => !words.includes(arg)),
    { flags: [...FLAGS, ...Object.keys(OLD_FLAGS)], values: [...VALUES, ...Object.keys(OLD_VALUES)] },
  );
  if (words.length > 1) {
    throw new K3osError("usage", `unexpected "${words[1]}"`, { hint: "Expected: one image." });
  }
  const old: Record<string, string> = {};
  for (const [name, variable] of Object.entries({ ...OLD_FLAGS, ...OLD_VALUES })) {
    const value = options[name] ?? env[variable];
    if (value !== undefined && value !== "" && value !== "false") old[name] = value;
  }
  const source = old["--source"];
  if (words.length > 0 && options["--source"] !== undefined) {
    throw new K3osError("usage", "the image was given twice: as a word and by --source");
  }
  const place = words[0] ?? source;
  if (place !== undefined && options["--version"] !== undefined) {
    throw new K3osError("usage", `--version chooses from the channel of the config, and ${place} is one image`, {
      hint: "Leave one of them out.",
    });
  }
  if (options["--wait"] !== undefined && options["--retry"] !== undefined) {
    throw new K3osError("usage", "--retry does not go with --wait: run again after each restart, it would never end", {
      hint: "Once, on the node: sudo k3os upgrade --retry …",
    });
  }
  checkDestination(old["--destination"]);
  return {
    place,
    version: options["--version"],
    key: options["--key"],
    stageOnly: options["--stage"] === "true",
    reboot: options["--no-reboot"] !== "true" && (Object.keys(old).length === 0 || old["--reboot"] !== undefined),
    allowDowngrade: options["--allow-downgrade"] === "true",
    retry: options["--retry"] === "true",
    wait: options["--wait"] === "true",
    json: options["--json"] === "true",
  };
}

function takesNext(before: string | undefined): boolean {
  return before !== undefined && (VALUES.includes(before) || Object.hasOwn(OLD_VALUES, before));
}

/** Old k3OS ran in a container that had the host's files somewhere below `/host`. */
function checkDestination(destination: string | undefined): void {
  if (destination === undefined || /(^|\/)k3os\/system\/?$/.test(destination)) return;
  throw new K3osError("usage", `--destination: expected /k3os/system, got "${destination}"`, {
    hint: "An image goes into a slot of the disk that this node runs from. Leave the option out.",
  });
}
