/** A step of a build that was made, not found in the cache. */
export interface MadeStep {
  readonly title: string;
  readonly seconds: number;
}

/** The steps in what `./k3os build` prints without a terminal: `✓ Kubernetes (203 MB, 6 min 02 s)`. */
export function madeSteps(printed: string): MadeStep[] {
  const steps: MadeStep[] = [];
  for (const [, title = "", notes = "", minutes = "0", seconds = "0"] of printed.matchAll(
    /^✓ (.+) \((.*?)(?:(\d+) min )?(\d+(?:\.\d+)?) s\)$/gm,
  )) {
    if (!notes.startsWith("cached")) steps.push({ title, seconds: 60 * Number(minutes) + Number(seconds) });
  }
  return steps;
}
