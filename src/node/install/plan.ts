import type { ImageJson } from "../../image/image-json.ts";
import { type Disk, describeDisk } from "../devices/disks.ts";
import { formatBytes } from "../format-bytes.ts";
import type { SourceImage } from "../images/image.ts";
import { type Content, describeContent } from "./contents.ts";
import { type NodeConfig, showConfig } from "./node-config.ts";
import type { Settings } from "./settings.ts";

/** Everything that an installation does, as data. It is complete and checked before anything is changed. */
export interface InstallPlan {
  readonly disk: Disk;
  /** What is on the disk now. */
  readonly contents: readonly Content[];
  readonly image: SourceImage;
  /** Not given: the config on the disk stays. */
  readonly config?: NodeConfig | undefined;
  /** Keep partitions and data, and replace only the system. */
  readonly keepData: boolean;
  /** Kernel arguments of the installed machine. */
  readonly arguments: readonly string[];
  readonly afterwards: "restart" | "power-off";
}

export function makePlan(
  parts: Pick<InstallPlan, "disk" | "contents" | "image" | "config">,
  { no_format = false, power_off = false, debug = false, tty }: Settings,
): InstallPlan {
  return {
    ...parts,
    keepData: no_format,
    arguments: [
      ...(tty === undefined ? [] : [`console=${tty.replace(/^\/dev\//, "")}`]),
      // The menu adds quiet. These override it.
      ...(debug ? ["k3os.debug", "ignore_loglevel"] : []),
    ],
    afterwards: power_off ? "power-off" : "restart",
  };
}

/** What the user has to agree to. */
export function summary(plan: InstallPlan): string {
  const { disk, contents, image, config, keepData } = plan;
  const erased = contents.length === 0 ? ["nothing: the disk is blank"] : contents.map(describeContent);
  const shown = config === undefined ? "(the one on the disk stays)" : showConfig(config.config);
  return [
    "",
    `Disk     ${disk.path}, ${describeDisk(disk)}`,
    ...list(keepData ? "Kept     " : "Erased   ", erased),
    `System   ${describeImage(image.json)}, ${formatBytes(image.size)}, started by BIOS and UEFI`,
    ...(plan.arguments.length === 0 ? [] : [`Kernel   ${plan.arguments.join(" ")}`]),
    `Then     ${plan.afterwards === "restart" ? "restart" : "power off"}`,
    "",
    "config.yaml",
    ...(shown === "" ? ["  (empty)"] : shown.split("\n").map((line) => `  ${line}`)),
    ...(config?.warnings ?? []).flatMap((warning) => ["", warning]),
    "",
    "",
  ].join("\n");
}

export function question(plan: InstallPlan): string {
  if (plan.keepData) return `Replace the system on ${plan.disk.path}?`;
  return plan.contents.length === 0 ? `Install to ${plan.disk.path}?` : `Erase ${plan.disk.path} and install?`;
}

function describeImage({ version, kernel, kubernetes }: ImageJson): string {
  const parts = [
    `k3OS ${version}`,
    `Linux ${kernel.release}`,
    kubernetes.version && `Kubernetes ${kubernetes.version}`,
  ];
  return parts.filter((part) => part).join(", ");
}

function list(title: string, lines: readonly string[]): string[] {
  return lines.map((line, index) => (index === 0 ? title : " ".repeat(title.length)) + line);
}
