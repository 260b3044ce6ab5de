import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { parseAllDocuments } from "yaml";
import { type BuiltImage, buildUpgrader } from "../../../src/build/index.ts";
import { containerBlobs } from "../../../src/build/media/container.ts";
import { findProject } from "../../../src/build/project.ts";
import { IMAGE_FILES } from "../../../src/image/disk.ts";
import { imageTag } from "../../../src/image/index-json.ts";
import type { OciRegistry } from "../../support/oci-registry.ts";

interface Plan {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly upgrade: { readonly command: readonly string[]; readonly args: readonly string[] };
    readonly jobActiveDeadlineSecs: number;
  };
}

/** Puts an image as a container image into a registry in memory; returns its repository and its tag. */
export async function pushImage(
  registry: OciRegistry,
  { dir, imageJson }: BuiltImage,
  repository: string,
  digest: string,
): Promise<string> {
  const { version, architecture, time } = imageJson;
  const files = IMAGE_FILES.map((name) => ({ name, content: join(dir, name) }));
  const { manifest, config, layers } = await containerBlobs({
    ...{ version, architecture, time, files, upgrader: await buildUpgrader() },
  });
  const read = (open: (typeof manifest)["open"]) => buffer(Readable.from(open(), { objectMode: false }));
  for (const blob of [config, ...layers]) registry.blobs.set(blob.digest, await read(blob.open));
  const reference = `${repository}:${imageTag({ version, digest })}`;
  const content = (await read(manifest.open)).toString("utf8");
  for (const name of [reference, `${repository}:${manifest.digest}`]) registry.manifests.set(name, content);
  return reference;
}

/**
 * The Job that system-upgrade-controller makes of the Plan in docs/examples for a node, without draining: its
 * `pkg/upgrade/job/job.go`, as of 2025. `image` is the name and the tag of the image.
 */
export function upgradeJob(image: string, node: string) {
  const text = readFileSync(join(findProject(), "docs/examples/k3os-latest.yaml"), "utf8");
  const plan = parseAllDocuments(text)
    .map((document) => document.toJS() as Plan)
    .find(({ kind }) => kind === "Plan");
  if (plan === undefined) throw new Error("docs/examples/k3os-latest.yaml has no Plan");
  const { name } = plan.metadata;
  const labels = {
    "upgrade.cattle.io/controller": "system-upgrade-controller",
    "upgrade.cattle.io/node": node,
    "upgrade.cattle.io/plan": name,
    "upgrade.cattle.io/version": image.split(":").at(-1),
    [`plan.upgrade.cattle.io/${name}`]: "0123456789abcdef",
  };
  const field = (variable: string, fieldPath: string) => ({ name: variable, valueFrom: { fieldRef: { fieldPath } } });
  const here = { key: "kubernetes.io/hostname", operator: "In", values: [node] };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: `apply-${name}`, namespace: "default", labels },
    spec: {
      ...{ backoffLimit: 2, ttlSecondsAfterFinished: 900, completions: 1, parallelism: 1 },
      podReplacementPolicy: "TerminatingOrFailed",
      activeDeadlineSeconds: plan.spec.jobActiveDeadlineSecs,
      template: {
        metadata: { labels },
        spec: {
          ...{ hostIPC: true, hostPID: true, hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" },
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [here] }] },
            },
            podAntiAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [
                {
                  labelSelector: {
                    matchExpressions: [{ key: "upgrade.cattle.io/plan", operator: "In", values: [name] }],
                  },
                  topologyKey: "kubernetes.io/hostname",
                },
              ],
            },
          },
          tolerations: [{ key: "node.kubernetes.io/unschedulable", operator: "Exists", effect: "NoSchedule" }],
          restartPolicy: "Never",
          volumes: [
            { name: "host-root", hostPath: { path: "/", type: "Directory" } },
            {
              name: "pod-info",
              downwardAPI: {
                items: ["labels", "annotations"].map((path) => ({ path, fieldRef: { fieldPath: `metadata.${path}` } })),
              },
            },
          ],
          containers: [
            {
              name: "upgrade",
              image,
              imagePullPolicy: "IfNotPresent",
              command: plan.spec.upgrade.command,
              args: plan.spec.upgrade.args,
              env: [
                field("SYSTEM_UPGRADE_NODE_NAME", "spec.nodeName"),
                field("SYSTEM_UPGRADE_POD_NAME", "metadata.name"),
                field("SYSTEM_UPGRADE_POD_UID", "metadata.uid"),
                { name: "SYSTEM_UPGRADE_PLAN_NAME", value: name },
              ],
              volumeMounts: [
                { name: "host-root", mountPath: "/host" },
                { name: "pod-info", mountPath: "/run/system-upgrade/pod", readOnly: true },
              ],
              securityContext: { privileged: true, capabilities: { add: ["CAP_SYS_BOOT"] } },
            },
          ],
        },
      },
    },
  };
}
