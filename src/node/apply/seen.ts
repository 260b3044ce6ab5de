import type { Host } from "../../host/host.ts";
import { decodeUtf8 } from "../../host/utf8.ts";

/**
 * The answers that were read the last time there was nothing to do. Only root may read it, because it holds secrets.
 */
const SEEN = "/run/k3os/seen.json";
/** Above this size, comparing is no faster than planning anew. */
const MAX_CHARACTERS = 256 * 1024;

const LOOKS = ["read", "readText", "stat", "list", "readLink"] as const;
type Look = (typeof LOOKS)[number];
type Sight = readonly [look: Look, path: string, saw: unknown];

export interface Watched {
  /** The host, with its answers about files recorded. */
  readonly host: Host;
  /** Saves the answers for `isAsSeen`. */
  keep(): void;
}

/** A host that records its answers. Use only this host to find out whether there is anything to do. */
export function watched(host: Host): Watched {
  const sights = new Map<string, Sight>();
  const noting = (look: Look) => (path: string) => {
    const answer = host[look](path);
    sights.set(`${look} ${path}`, [look, path, sight(answer)]);
    return answer;
  };
  return {
    host: { ...host, ...(Object.fromEntries(LOOKS.map((look) => [look, noting(look)])) as Pick<Host, Look>) },
    keep: () => {
      const text = JSON.stringify([...sights.values()]);
      // Bytes that are not UTF-8 were replaced, so two different files may look alike: do not keep such a record.
      if (text.length > MAX_CHARACTERS || text.includes("\ufffd")) host.remove(SEEN);
      else host.write(SEEN, text, { mode: 0o600 });
    },
  };
}

/** Whether everything that was read is still the same, so that there is still nothing to do. */
export function isAsSeen(host: Host): boolean {
  if (host.stat(SEEN) === undefined) return false;
  const sights = JSON.parse(host.readText(SEEN)) as Sight[];
  try {
    return sights.every(([look, path, saw]) => JSON.stringify(sight(host[look](path))) === JSON.stringify(saw));
  } catch {
    // It could be read then and cannot be read now, so it has changed.
    return false;
  }
}

/** Deletes the record, because something was applied since. */
export function forgetSeen(host: Host): void {
  host.remove(SEEN);
}

/**
 * An answer in a form that JSON can hold. A file's time is left out, because configurations do not depend on it and
 * /proc invents it.
 */
function sight(answer: ReturnType<Host[Look]>): unknown {
  if (answer === undefined) return null;
  if (answer instanceof Uint8Array) return decodeUtf8(answer);
  return typeof answer === "string" || Array.isArray(answer)
    ? answer
    : [answer.type, answer.mode, answer.uid, answer.gid];
}
