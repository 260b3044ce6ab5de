/** How pods end when a node stops: each in the time that it asks for. Pure. */
import type { PodObject } from "../../kubernetes/node.ts";

/** A pod as the API describes it: what its end takes. */
export interface EndingPod extends PodObject {
  readonly metadata: PodObject["metadata"] & {
    readonly uid: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: { readonly terminationGracePeriodSeconds?: number };
  readonly status?: PodObject["status"] & { readonly containerStatuses?: readonly ContainerStatus[] };
}

export interface ContainerStatus {
  /** Such as `containerd://0a1b…`. */
  readonly containerID?: string;
  /** The image by its digest, such as `docker.io/library/nginx@sha256:0a1b…`. */
  readonly imageID?: string;
}

/** What is noted of the pods of a node while the API still answers. */
export interface PodNotes {
  /** Seconds, by the uid that the kubelet knows the pod by. */
  readonly grace: Readonly<Record<string, number>>;
  /** Signals other than SIGTERM, by the id of the container. */
  readonly signals: Readonly<Record<string, string>>;
}

/** A container that runs. */
export interface RunningContainer {
  readonly id: string;
  readonly pod: string;
  /** Its first process. */
  readonly pid: string;
  /** The directory of its cgroup. */
  readonly cgroup: string;
}

/** A container, and how it ends. */
export interface Ending extends RunningContainer {
  readonly signal: string;
  readonly graceMs: number;
}

/** What Kubernetes gives a pod that does not ask for a time of its own. */
const DEFAULT_GRACE_S = 30;
/** A node does not wait for longer, whatever its pods ask for. */
const LONGEST_GRACE_S = 60;

export const NO_NOTES: PodNotes = { grace: {}, signals: {} };

/** What to note of these pods. `signalOf` tells the signal that an image wants to be stopped by. */
export function notesOf(pods: readonly EndingPod[], signalOf: (imageId: string) => string | undefined): PodNotes {
  const grace: Record<string, number> = {};
  const signals: Record<string, string> = {};
  for (const { metadata, spec, status } of pods) {
    // The kubelet knows a static pod by this, not by the uid that it has in the API.
    const uid = metadata.annotations?.["kubernetes.io/config.hash"] ?? metadata.uid;
    grace[uid] = spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_S;
    for (const { containerID = "", imageID = "" } of status?.containerStatuses ?? []) {
      const signal = signalOf(imageID);
      if (signal !== undefined) signals[containerID.slice(containerID.lastIndexOf("/") + 1)] = signal;
    }
  }
  return { grace, signals };
}

/** How these containers end, by what was noted. A pod of which nothing is known has the time of any other. */
export function endingsOf(containers: readonly RunningContainer[], { grace, signals }: PodNotes): readonly Ending[] {
  return containers.map((container) => ({
    ...container,
    signal: signals[container.id] ?? "SIGTERM",
    graceMs: 1000 * Math.min(grace[container.pod] ?? DEFAULT_GRACE_S, LONGEST_GRACE_S),
  }));
}

/** Containers of these that are out of time after so many milliseconds. */
export function overdue(endings: readonly Ending[], afterMs: number): readonly Ending[] {
  return endings.filter(({ graceMs }) => afterMs >= graceMs);
}

/** A container in the words of its runtime: `config.json` of the OCI runtime specification, and its process. */
export function containerIn(id: string, configJson: string, pid: string): RunningContainer | undefined {
  const { annotations = {}, linux = {} } = JSON.parse(configJson) as {
    readonly annotations?: Readonly<Record<string, string>>;
    readonly linux?: { readonly cgroupsPath?: string };
  };
  // The sandbox of a pod holds its network. It ends after the containers, with everything else.
  if (annotations["io.kubernetes.cri.container-type"] !== "container") return undefined;
  const path = linux.cgroupsPath ?? "";
  const pod = /\/pod([^/]+)\/[^/]+$/.exec(path)?.[1];
  if (pod === undefined || !/^\d+$/.test(pid.trim())) return undefined;
  return { id, pod, pid: pid.trim(), cgroup: `/sys/fs/cgroup${path}` };
}

/**
 * The signal that an image wants to be stopped by (`STOPSIGNAL` in a Dockerfile); `undefined` for SIGTERM. `blob` reads
 * a document by its digest: the index of an image, its manifest, or its config.
 */
export function stopSignalOf(
  imageId: string,
  blob: (sha256: string) => string | undefined,
  architecture: string,
): string | undefined {
  let digest = imageId;
  for (let depth = 0; depth < 3; depth++) {
    const sha256 = /sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
    const text = sha256 && blob(sha256);
    if (!text) return undefined;
    const { manifests, config } = JSON.parse(text) as {
      readonly manifests?: readonly {
        readonly digest: string;
        readonly platform?: { readonly architecture: string };
      }[];
      readonly config?: { readonly digest?: string; readonly StopSignal?: string };
    };
    const own = manifests?.find(({ platform }) => platform?.architecture === architecture)?.digest ?? config?.digest;
    if (own === undefined) return signalName(config?.StopSignal ?? "");
    digest = own;
  }
  return undefined;
}

/** A name or a number, as kill(1) takes it. */
function signalName(text: string): string | undefined {
  return /^(SIG[A-Z]+[0-9+-]*|\d{1,2})$/.test(text) && text !== "SIGTERM" && text !== "15" ? text : undefined;
}
