import { parentOf, readJsonIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import type { AgentNote } from "../../management/observed.ts";
import { NODE_DATA } from "../places.ts";

/** What the agent remembers on the disk of its node. The API may lose its last moments, this does not. */
const NOTE = `${NODE_DATA}/agent.json`;

const NOTHING: AgentNote = { restarted: {}, retried: {}, givenUp: [] };

/** A missing or damaged note is empty. */
export function readNote(host: Host): AgentNote {
  return { ...NOTHING, ...(readJsonIf(host, NOTE) as Partial<AgentNote> | undefined) };
}

export function writeNote(host: Host, note: AgentNote): void {
  host.mkdir(parentOf(NOTE));
  host.write(NOTE, `${JSON.stringify(note, null, 1)}\n`, { mode: 0o600 });
}
