import type { Host } from "../../host/host.ts";
import type { ObjectList } from "../../kubernetes/meta.ts";
import { reasonOf } from "../failure.ts";
import { refusalReason } from "./answer.ts";
import type { ApiClient } from "./client.ts";
import { type Credentials, NO_CREDENTIALS } from "./curl-client.ts";
import { Flag, News } from "./news.ts";
import { type Receiver, startTransfers, type Transfers, WATCH_LIMITS, type WatchLimits } from "./transfers.ts";
import {
  type ApiObject,
  afterFailure,
  afterWatch,
  type Course,
  type Ending,
  expired,
  listed,
  listPath,
  nextStep,
  type Patience,
  START,
  told,
  UNKNOWN,
  type Update,
  type View,
  type WatchedResource,
  watchPath,
} from "./watch-state.ts";

export interface WatchOptions {
  readonly limits?: WatchLimits;
  readonly patience?: Patience;
  /** In [0, 1). */
  readonly random?: () => number;
}

export const PATIENCE: Patience = { firstMs: 1000, mostMs: 60_000, healthyMs: 60_000 };

/** Objects of the API, kept up to date. `Name` is how its user calls what is watched. */
export interface Watch<Name extends string> {
  /** The objects as they were last told, by name (by `namespace/name` if they have namespaces). */
  objects<T extends ApiObject>(name: Name): ReadonlyMap<string, T>;
  /** Whether everything has been listed at least once. */
  isSynced(): boolean;
  /**
   * Why the objects may be out of date, a sentence; `undefined` if nothing is wrong. After a watch has started again,
   * it stays until the API tells something, which takes a minute if nothing happens.
   */
  trouble(): string | undefined;
  /** Whether anything of the above has changed since this or `next` last said so. */
  changed(): boolean;
  /**
   * Resolves with true at a change, at once if there is one already; with false after `timeoutMs`. That may be a minute
   * later if it is five minutes or more.
   */
  next(timeoutMs: number): Promise<boolean>;
  /** Ends it. Resolves when curl has ended. */
  stop(): Promise<void>;
}

/**
 * Lists resources and watches them, all by one curl, until it is stopped. When one watch ends, all start again where
 * they were. Nothing that the API does ends it or is thrown: it waits, and tries again.
 */
export function watchResources<Name extends string>(
  host: Host,
  client: ApiClient,
  credentials: Credentials,
  resources: Readonly<Record<Name, WatchedResource>>,
  options: WatchOptions = {},
): Watch<Name> {
  const { limits = WATCH_LIMITS, patience = PATIENCE, random = Math.random } = options;
  const names = Object.keys(resources) as Name[];
  const views = new Map<Name, View>(names.map((name) => [name, UNKNOWN]));
  const news = new News(host);
  let trouble: string | undefined;
  let transfers: Transfers | undefined;
  let isStopped = false;
  const stopped = new Flag();

  function setTrouble(reason: string | undefined): void {
    if (reason === trouble) return;
    trouble = reason;
    news.tell();
  }

  function update(name: Name, { view, hasChanged }: Update): void {
    views.set(name, view);
    if (hasChanged) news.tell();
  }

  const view = (name: Name) => views.get(name) ?? UNKNOWN;

  async function list(name: Name, course: Course): Promise<Course> {
    const answer = await client.get<ObjectList<ApiObject>>(listPath(resources[name]));
    const version = answer.body?.metadata?.resourceVersion;
    if (answer.reason === "" && version !== undefined) {
      update(name, listed(view(name), answer.body as ObjectList<ApiObject>));
      setTrouble(undefined);
      return course;
    }
    setTrouble(answer.reason || `The API has answered ${resources[name].path} with something that is no list.`);
    return afterFailure(course, patience, random(), answer.retryAfterMs);
  }

  /** Watches all of them until the first of the watches ends. */
  async function watch(versions: ReadonlyMap<Name, string>): Promise<Ending> {
    const access = credentials();
    if (access === undefined) return { heardForMs: 0, reason: NO_CREDENTIALS };
    const started = host.monotonic();
    let heardForMs = 0;
    const silenceMs = limits.silenceSeconds * 1000;
    let reason = "";
    let retryAfterMs: number | undefined;
    let isOver = false;
    /** Of these, nothing counts any more: they are listed again. */
    const isOut = new Set<Name>();
    const end = (why: string, askedMs?: number) => {
      reason ||= why;
      retryAfterMs ??= askedMs;
      isOver = true;
      transfers?.kill();
    };
    const listAgain = (name: Name) => {
      isOut.add(name);
      views.set(name, expired(view(name)));
    };
    // What was told before an end may be read after it, so all of this goes on until curl has ended.
    const receiver: Receiver = {
      onLine(index, line) {
        const name = names[index];
        if (name === undefined || isOut.has(name)) return;
        heardForMs = host.monotonic() - started;
        const message = told(view(name), line);
        if (message.kind === "update") {
          update(name, message);
          setTrouble(undefined);
        } else if (message.kind === "refused") {
          // More than the status, which is all that `onEnd` knows.
          reason = message.reason;
          retryAfterMs ??= message.retryAfterMs;
        } else if (message.kind === "broken") end(message.reason, message.retryAfterMs);
        else {
          listAgain(name);
          end(message.kind === "expired" ? "" : `The watch of ${resources[name].path} tells what is no event.`);
        }
      },
      onTooLong(index) {
        const name = names[index];
        if (name === undefined || isOut.has(name)) return;
        listAgain(name);
        end(`The watch of ${resources[name].path} has a line of more than ${limits.lineBytes} bytes.`);
      },
      onEnd({ index, status, reason: why, retryAfterMs: askedMs }) {
        const name = names[index];
        if (name !== undefined && status === 410) listAgain(name);
        if (why !== "") end(`The API does not answer: ${why}.`, askedMs);
        else end(status >= 400 && status !== 410 ? refusalReason(status, undefined) : "", askedMs);
      },
    };
    const [least, most] = limits.lifeSeconds;
    const life = Math.round(least + random() * (most - least));
    const paths = names.map((name) => watchPath(resources[name], versions.get(name) ?? "", life));
    transfers = startTransfers(host, access, paths, limits, life, receiver);
    if (isOver || isStopped) transfers.kill();
    // All watches share a connection. curl itself would notice much later, because it looks at its clock so rarely.
    while (!isOver) {
      const pause = host.sleep(silenceMs * 0.4, { roughly: limits.slackSeconds > 0 });
      const hasEnded = await Promise.race([pause, transfers.ended.then(() => true)]);
      if (hasEnded === true) break;
      if (host.monotonic() - started - heardForMs < silenceMs) continue;
      end(`The API does not answer: nothing has come for ${limits.silenceSeconds} seconds.`);
    }
    const failure = await transfers.ended;
    transfers = undefined;
    return { heardForMs, reason: reason || failure, retryAfterMs };
  }

  async function run(): Promise<void> {
    let course = START;
    while (!isStopped) {
      const step = nextStep(views, course);
      if (step.kind === "pause") {
        await Promise.race([host.sleep(step.ms), stopped.raised]);
        course = { ...course, pauseMs: 0 };
      } else if (step.kind === "list") {
        course = await list(step.name as Name, course);
      } else {
        const ending = await watch(step.versions as ReadonlyMap<Name, string>).catch(
          (error): Ending => ({ heardForMs: 0, reason: reasonOf(error) }),
        );
        course = afterWatch(course, ending, patience, random());
        if (ending.reason !== "" && !isStopped) setTrouble(ending.reason);
      }
    }
  }

  const running = run();
  return {
    objects: <T extends ApiObject>(name: Name) => view(name).objects as ReadonlyMap<string, T>,
    isSynced: () => names.every((name) => view(name).isSynced),
    trouble: () => trouble,
    changed: () => news.take(),
    next: (timeoutMs) => news.next(timeoutMs),
    async stop() {
      isStopped = true;
      stopped.raise();
      transfers?.kill();
      await running;
    },
  };
}
