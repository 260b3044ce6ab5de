/**
 * A machine's boot, from the notes that the machine writes about it. Pure. Times are seconds since the kernel started.
 */

/** A part of the boot. Phases follow each other, and each belongs to one program. */
export interface Phase {
  readonly phase: "kernel" | "initrd" | "root" | "services" | "k3s";
  readonly start_s: number;
  /** `null` while it has not ended. */
  readonly end_s: number | null;
  readonly stages: readonly Stage[];
}

/** A part of a phase. Stages of a phase may overlap. */
export interface Stage {
  readonly stage: string;
  readonly start_s: number;
  readonly end_s: number;
  /** Why it failed, if it did. */
  readonly failed?: string;
}

/** A line of `/run/k3os/boot.json` or `/run/k3s/stages.json`. Those with `part` are stages, the others are marks. */
interface Note {
  readonly stage: string;
  readonly uptime_s: number;
  readonly part?: string;
  readonly duration_s?: number;
  readonly failed?: string;
}

/**
 * The phases of a boot so far, in order. `boot` and `k3s` are the texts of `/run/k3os/boot.json` and
 * `/run/k3s/stages.json`; an official k3s writes none. Of several notes with one name the first counts, because a
 * restarted k3s writes its notes again.
 */
export function timelineOf(boot: string, k3s: string): Phase[] {
  const notes = [...notesIn(boot), ...notesIn(k3s)];
  const at = (name: string) => notes.find(({ stage, part }) => stage === name && part === undefined)?.uptime_s;
  const stagesOf = (part: string) => notes.filter((note) => note.part === part).map(stageOf);
  const phase = (name: Phase["phase"], from: number | undefined, to: string, stages: readonly Stage[]): Phase[] =>
    from === undefined ? [] : [{ phase: name, start_s: from, end_s: at(to) ?? null, stages }];
  const between = (name: string, from: string, to: string): Stage[] => {
    const [start_s, end_s] = [at(from), at(to)];
    return start_s === undefined || end_s === undefined ? [] : [{ stage: name, start_s, end_s }];
  };
  const rootStages = stagesOf("root");
  return [
    ...phase("kernel", notes.length === 0 ? undefined : 0, "init", []),
    ...phase("initrd", at("init"), "root", stagesOf("initrd")),
    ...phase("root", at("root"), "config", [
      ...rootStages,
      ...(rootStages.length > 0
        ? []
        : [...between("modules", "root", "modules"), ...between("config", "modules", "config")]),
    ]),
    ...phase("services", at("config"), "services", []),
    ...phase("k3s", at("process-start"), "node-ready", [
      ...between("containerd", "process-start", "containerd-ready"),
      ...between("API server", "process-start", "api-ready"),
      ...between("node", "api-ready", "node-ready"),
      ...between("CoreDNS", "node-ready", "coredns-ready"),
    ]),
  ];
}

/** A line that is not JSON was still being written. It is skipped. */
function notesIn(text: string): Note[] {
  return text.split("\n").flatMap((line) => {
    try {
      const note = JSON.parse(line) as Note;
      return typeof note.stage === "string" && typeof note.uptime_s === "number" ? [note] : [];
    } catch {
      return [];
    }
  });
}

function stageOf({ stage, uptime_s, duration_s = 0, failed }: Note): Stage {
  const start_s = Math.max(0, Math.round((uptime_s - duration_s) * 1000) / 1000);
  return { stage, start_s, end_s: uptime_s, ...(failed === undefined ? {} : { failed }) };
}

/** Shorter stages are not shown to people, unless they failed. */
const shownSeconds = 0.1;

/** The boot as lines of at most `columns` characters: name, start, duration and a bar. */
export function drawTimeline(phases: readonly Phase[], columns: number): string[] {
  const rows = phases.flatMap(({ phase, stages, start_s, end_s }) => [
    { name: phase, start_s, end_s, failed: undefined },
    ...stages
      .filter((stage) => stage.failed !== undefined || stage.end_s - stage.start_s >= shownSeconds)
      .map(({ stage, failed, ...times }) => ({ name: `  ${stage}`, failed, ...times })),
  ]);
  const width = Math.max(8, ...rows.map(({ name }) => name.length));
  const last = Math.max(1, ...rows.map(({ start_s, end_s }) => end_s ?? start_s));
  const room = Math.max(10, columns - width - 18);
  const place = (seconds: number) => Math.round((seconds / last) * room);
  const lines = rows.map(({ name, start_s, end_s, failed }) => {
    const took = end_s === null ? "…" : (end_s - start_s).toFixed(1);
    const [from, to] = [Math.min(place(start_s), room - 1), place(end_s ?? last)];
    const bar = " ".repeat(from) + (end_s === null ? "░" : "█").repeat(Math.max(1, to - from));
    const line = `${name.padEnd(width)} ${start_s.toFixed(1).padStart(7)} ${took.padStart(7)}  ${bar}`;
    return failed === undefined ? [line] : [line, `${" ".repeat(width)}  failed: ${failed}`];
  });
  return [`${"".padEnd(width)}   start s  took s`.slice(0, width + 18), ...lines.flat()];
}
