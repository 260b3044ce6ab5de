/** What a watch knows, and what it does next: pure. `watch.ts` does it. */
import type { ObjectList, ObjectMeta } from "../../kubernetes/meta.ts";
import { type Refusal, refusalReason, retryAfterMs } from "./answer.ts";

export interface ApiObject {
  readonly metadata: ObjectMeta;
}

/** What is watched. */
export interface WatchedResource {
  /** Such as `/apis/k3os.io/v1alpha1/machines`. */
  readonly path: string;
  /** Such as `fieldSelector=metadata.name%3Da`, which is part of the URL as it is. */
  readonly query?: string;
}

/** What is known of a resource. */
export interface View {
  /** Where the next watch goes on; `undefined` if the objects have to be listed first. */
  readonly version: string | undefined;
  /** By name; by `namespace/name` if they have namespaces. */
  readonly objects: ReadonlyMap<string, ApiObject>;
  /** Whether the objects were listed at least once. */
  readonly isSynced: boolean;
}

export const UNKNOWN: View = { version: undefined, objects: new Map(), isSynced: false };

/** A view after something was told, and whether its objects, or that they are known, differ from before. */
export interface Update {
  readonly view: View;
  readonly hasChanged: boolean;
}

/** The view after its objects were listed. */
export function listed(view: View, list: ObjectList<ApiObject>): Update {
  // Go writes an empty list as null.
  const objects = new Map((list.items ?? []).map((object) => [keyOf(object), object]));
  const isSame =
    view.isSynced &&
    objects.size === view.objects.size &&
    [...objects].every(([key, object]) => isVersionOf(object, view.objects.get(key)));
  return {
    view: { version: list.metadata.resourceVersion, objects: isSame ? view.objects : objects, isSynced: true },
    hasChanged: !isSame,
  };
}

/** The view whose version the server knows no more. Its objects stay until they are listed again. */
export function expired(view: View): View {
  return { ...view, version: undefined };
}

/** What a line of a watch tells. */
export type Told =
  | ({ readonly kind: "update" } & Update)
  /** The version is too old: the objects have to be listed again. */
  | { readonly kind: "expired" }
  /** There is no watch. The end of the transfer follows, and may tell more. */
  | Refused<"refused">
  /** The server cannot go on. */
  | Refused<"broken">
  /** No watch of Kubernetes tells that. */
  | { readonly kind: "nonsense" };

interface Refused<Kind> {
  readonly kind: Kind;
  readonly reason: string;
  readonly retryAfterMs?: number;
}

/** Reads a line of a watch: a JSON object with `type` and `object`, or the `Status` that says why there is no watch. */
export function told(view: View, line: string): Told {
  const message = parsed(line);
  if (message.kind === "Status") return refused("refused", message);
  const { type, object } = message;
  if (type === "ERROR") return refused("broken", object ?? {});
  const version = object?.metadata?.resourceVersion;
  if (typeof version !== "string" || version === "") return { kind: "nonsense" };
  if (type === "BOOKMARK") return { kind: "update", view: { ...view, version }, hasChanged: false };
  if (typeof object?.metadata?.name !== "string") return { kind: "nonsense" };
  const [key, known] = [keyOf(object as ApiObject), view.objects.get(keyOf(object as ApiObject))];
  if (type === "ADDED" || type === "MODIFIED") {
    if (isVersionOf(object as ApiObject, known))
      return { kind: "update", view: { ...view, version }, hasChanged: false };
    const objects = new Map(view.objects).set(key, object as ApiObject);
    return { kind: "update", view: { ...view, version, objects }, hasChanged: true };
  }
  if (type !== "DELETED") return { kind: "nonsense" };
  const objects = new Map(view.objects);
  return { kind: "update", view: { ...view, version, objects }, hasChanged: objects.delete(key) };
}

interface Message {
  readonly kind?: unknown;
  readonly type?: unknown;
  readonly object?: { readonly metadata?: Partial<ObjectMeta> } & Partial<Refusal>;
}

function parsed(line: string): Message & Partial<Refusal> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

const GONE = 410;

function refused(kind: "refused" | "broken", status: Partial<Refusal>): Told {
  if (status.code === GONE) return { kind: "expired" };
  const pause = retryAfterMs(undefined, status);
  const reason = refusalReason(status.code ?? 0, status);
  return { kind, reason, ...(pause === undefined ? {} : { retryAfterMs: pause }) };
}

function keyOf({ metadata: { namespace, name } }: ApiObject): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function isVersionOf(object: ApiObject, known: ApiObject | undefined): boolean {
  const version = object.metadata.resourceVersion;
  return version !== undefined && version === known?.metadata.resourceVersion;
}

/** The path that lists all objects as the server's memory has them: that costs no query of its datastore. */
export function listPath({ path, query }: WatchedResource): string {
  return withQuery(path, query, "resourceVersion=0");
}

/** The path that tells what has happened since a version, for so many seconds. */
export function watchPath({ path, query }: WatchedResource, version: string, seconds: number): string {
  const parameters = ["watch=1", "allowWatchBookmarks=true", `resourceVersion=${version}`, `timeoutSeconds=${seconds}`];
  return withQuery(path, query, ...parameters);
}

function withQuery(path: string, ...parameters: readonly (string | undefined)[]): string {
  return `${path}?${parameters.filter((parameter) => parameter !== undefined).join("&")}`;
}

export interface Patience {
  /** The pause after the first failure. It doubles with each further one. */
  readonly firstMs: number;
  readonly mostMs: number;
  /** A watch that was heard of for so long was healthy: the next failure is the first one again. */
  readonly healthyMs: number;
}

/** Where a watch stands between two tries. */
export interface Course {
  /** Failures without a healthy watch between them. */
  readonly failures: number;
  /** How long to wait before the next request. */
  readonly pauseMs: number;
}

export const START: Course = { failures: 0, pauseMs: 0 };

/**
 * The course after a failure. `random` is in [0, 1): the pause is between a half and one and a half of its length, so
 * that nodes do not come all at once. If the server says when to come again, that is its length at least, however often
 * it was away before.
 */
export function afterFailure(course: Course, patience: Patience, random: number, askedMs = 0): Course {
  const { firstMs, mostMs } = patience;
  if (askedMs > 0) {
    const length = Math.min(Math.max(askedMs, firstMs), mostMs);
    return { failures: course.failures, pauseMs: length * (1 + random / 2) };
  }
  const length = Math.min(firstMs * 2 ** Math.min(course.failures, 30), mostMs);
  return { failures: course.failures + 1, pauseMs: length * (0.5 + random) };
}

/** How watches ended that ran side by side. */
export interface Ending {
  /** From their start to the last thing that was heard of them. */
  readonly heardForMs: number;
  /** Why they ended, as a sentence; empty if their time was over. */
  readonly reason: string;
  readonly retryAfterMs?: number | undefined;
}

/** The course after a watch has ended. One that ends at once again and again is a failure, even if it ends well. */
export function afterWatch(course: Course, ending: Ending, patience: Patience, random: number): Course {
  const isHealthy = ending.heardForMs >= patience.healthyMs;
  if (isHealthy && ending.reason === "") return START;
  return afterFailure(isHealthy ? START : course, patience, random, ending.retryAfterMs);
}

export type NextStep =
  | { readonly kind: "pause"; readonly ms: number }
  | { readonly kind: "list"; readonly name: string }
  /** All of them, from these versions. */
  | { readonly kind: "watch"; readonly versions: ReadonlyMap<string, string> };

/** What comes next: first a pause that is owed, then lists of what is not known, then the watch of all. */
export function nextStep(views: ReadonlyMap<string, View>, { pauseMs }: Course): NextStep {
  if (pauseMs > 0) return { kind: "pause", ms: pauseMs };
  const versions = new Map<string, string>();
  for (const [name, { version }] of views) {
    if (version === undefined) return { kind: "list", name };
    versions.set(name, version);
  }
  return { kind: "watch", versions };
}
