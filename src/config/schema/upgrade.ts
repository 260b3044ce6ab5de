import { durationBetween, secondsOf } from "../duration.ts";
import { flag, type Infer, list, struct, text } from "../kinds.ts";
import * as values from "../values.ts";
import { timezone } from "./timezone.ts";
import { channel, imageSource, namespace, podSelector, timeOfDay, weekday } from "./upgrading.ts";

const window = struct(
  {
    days: list(text({ check: weekday }), {
      about: "The days that it begins on, every day if not given: Mon, Tue, Wed, Thu, Fri, Sat, Sun.",
      example: "[Sat, Sun]",
    }),
    start: text({ about: "When it begins, from 00:00 to 23:59.", check: timeOfDay, example: "02:00" }),
    duration: text({
      about: "How long it lasts: 15m to 24h.",
      check: durationBetween("15m", "24h"),
      example: "4h",
    }),
    time_zone: text({
      about: "The zone that `start` is in; `k3os.timezone` if not given.",
      check: timezone,
      example: "Europe/Berlin",
    }),
  },
  {
    about:
      "When the node may upgrade by itself, always if not given. It stays closed while the clock is not known to be right.",
    needed: ["start", "duration"],
  },
);

export const upgradeCheck = struct(
  {
    name: text({ about: "What messages call it.", check: values.notEmpty, example: "ingress" }),
    command: text({
      about: "A line for /bin/sh. Status 0 means healthy; it is run again until then.",
      check: values.notEmpty,
      example: "curl -fsS http://127.0.0.1/healthz",
    }),
    pods: struct(
      {
        namespace: text({ about: "Their namespace.", check: namespace, example: "ingress" }),
        selector: text({
          about: "Their labels, as `kubectl get pods -l` takes them; all of the namespace if not given.",
          check: podSelector,
          example: "app=nginx",
        }),
      },
      { about: "Pods of this node that must be Ready, at least one.", needed: ["namespace"] },
    ),
    timeout: text({
      about: "How long one run of `command` may take: 1s to 10m; 30s if not given.",
      check: durationBetween("1s", "10m"),
      example: "10s",
    }),
  },
  { needed: ["name"], check: checkSubject },
);

export const upgrade = struct(
  {
    source: text({
      about:
        "Where images come from (upgrade.md): URL or path of a directory that `k3os publish` made, or oci://REGISTRY/REPOSITORY.",
      check: imageSource,
      example: "https://example.com/k3os",
    }),
    channel: text({
      about: "The channel of the source that is followed; `stable` if not given.",
      check: channel,
      example: "stable",
    }),
    auto: flag({ about: "Whether the node upgrades itself when its channel has a newer image.", example: "true" }),
    window,
    keys: list(text({ check: values.publicKey }), {
      about:
        "The ssh public keys whose images and channels are taken, beside those of the image: of a signer, or of an authority that certifies signers (upgrade.md).",
      example: "[ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKqcBMzv5sXJdVuMiSVMSBqHu1eDBm0OS8ulKDiIXGjV release]",
    }),
    unsigned: flag({ about: "Whether images and channels without a signature are taken.", example: "false" }),
    deadline: text({
      about: "When a trial that is not healthy yet is given up: 2m to 2h; 10m if not given.",
      check: durationBetween("2m", "2h"),
      example: "10m",
    }),
    stable_for: text({
      about: "How long a node on trial must be healthy without a break: up to 1h; 30s if not given.",
      check: durationBetween("0s", "1h"),
      example: "30s",
    }),
    checks: list(upgradeCheck, {
      about: "What else must be true before a new image is kept.",
      unique: "name",
      example: '[{ name: web, command: "curl -fsS http://127.0.0.1/" }]',
    }),
  },
  { about: "How the node upgrades.", check: checkDeadline },
);

/** Settings of `k3os upgrade` and of a trial. Every key is optional. */
export type UpgradeConfig = Infer<typeof upgrade>;
export type UpgradeWindow = Infer<typeof window>;
export type UpgradeCheck = Infer<typeof upgradeCheck>;

function checkSubject({ command, pods }: Readonly<Record<string, unknown>>) {
  if (command !== undefined && pods !== undefined) {
    return { key: "pods", expected: "either `command` or `pods`", got: "both" };
  }
  if (command !== undefined || pods !== undefined) return undefined;
  return { key: "command", expected: "`command` or `pods`", got: "neither" };
}

function checkDeadline({ deadline, stable_for }: Readonly<Record<string, unknown>>) {
  const [end = 0, stable = 0] = [secondsOf(String(deadline ?? "10m")), secondsOf(String(stable_for ?? "30s"))];
  if (stable < end) return undefined;
  const hint = "a node that must be healthy for longer than it may try can never be kept";
  return { key: "stable_for", expected: `less than the deadline, ${deadline ?? "10m"}`, got: `${stable_for}`, hint };
}
