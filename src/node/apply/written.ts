import { digestOf } from "../../config/digest.ts";
import type { Host } from "../../host/host.ts";

/** The files that steps wrote since the machine was started, with their previous content, to undo them. */
const RECORD = "/run/k3os/written.json";

interface Written {
  /** What the step left there, in the form of `stateOf`. */
  readonly after: string;
  /** The text before; `null` if there was no file. */
  readonly before: string | null;
}

type Record = Readonly<{ [path: string]: Written }>;

/**
 * Writes a file by `write`, and notes what was there before. Written again as steps had written it, it is repaired: the
 * first text before stays noted. If what was there cannot be read, this throws after the file is written.
 */
export function writeNoted(host: Host, path: string, write: () => void): void {
  let before: string | null | undefined;
  let failure: unknown;
  try {
    const known = read(host)[path];
    before = known !== undefined && known.after === stateOf(host, path) ? known.before : textOf(host, path);
  } catch (error) {
    failure = error;
  }
  write();
  if (before === undefined) throw failure;
  const { [path]: known, ...others } = read(host);
  const after = stateOf(host, path);
  save(host, { ...others, [path]: { after, before: known?.after === after ? known.before : before } });
}

/** Restores the content from before `writeNoted`, if the file has not changed since. */
export function restoreFile(host: Host, path: string): void {
  const { [path]: written, ...others } = read(host);
  if (written !== undefined && written.after === stateOf(host, path)) {
    if (written.before === null) host.remove(path);
    else host.write(path, written.before);
  }
  save(host, others);
}

/** The paths that `restoreFile` would put back. */
export function writtenPaths(host: Host): string[] {
  return Object.entries(read(host))
    .filter(([path, { after }]) => after === stateOf(host, path))
    .map(([path]) => path);
}

/** The text of a file before a step wrote it; `undefined` if there was none. */
export function originalText(host: Host, path: string): string | undefined {
  const written = read(host)[path];
  const text = written !== undefined && written.after === stateOf(host, path) ? written.before : textOf(host, path);
  return text ?? undefined;
}

function stateOf(host: Host, path: string): string {
  switch (host.stat(path)?.type) {
    case "file":
      return digestOf(host.readText(path));
    case "link":
      return `-> ${host.readLink(path)}`;
    default:
      return "";
  }
}

function textOf(host: Host, path: string): string | null {
  return host.stat(path)?.type === "file" ? host.readText(path) : null;
}

function read(host: Host): Record {
  return host.stat(RECORD) === undefined ? {} : (JSON.parse(host.readText(RECORD)) as Record);
}

/** Only root may read it, because the previous content may hold secrets. */
function save(host: Host, record: Record): void {
  host.write(RECORD, `${JSON.stringify(record)}\n`, { mode: 0o600 });
}
