/** What debugfs(8) prints. Pure. */

/** A run of a file's blocks. */
export interface Extent {
  /** The first one's number in the file, and on the device. */
  readonly logical: number;
  readonly physical: number;
  readonly count: number;
  /** Reserved, and never written: reads as zeros. */
  readonly unwritten: boolean;
}

/** Splits what `debugfs -f -` prints into the answers to each command. */
export function readAnswers(stdout: string, commands: readonly string[]): string[] {
  let rest = stdout;
  const answers: string[] = [];
  for (const command of [...commands, undefined]) {
    const echo = `debugfs: ${command}\n`;
    const at = command === undefined ? rest.length : rest.indexOf(echo);
    if (at === -1) throw new Error(`debugfs did not come to "${command}": ${rest.slice(0, 200)}`);
    answers.push(rest.slice(0, at));
    rest = rest.slice(at + echo.length);
  }
  return answers.slice(1);
}

/** Reads the answer to `ex FILE`. */
export function readExtents(answer: string): Extent[] {
  const leaf = /^ *(\d+)\/ *(\d+) +\d+\/ *\d+ +(\d+) - +(\d+) +(\d+) - +\d+ +\d+ ?(.*)$/gm;
  return [...answer.matchAll(leaf)]
    .filter(([, level, depth]) => level === depth)
    .map(([, , , first, last, physical, flags = ""]) => ({
      ...{ logical: Number(first), physical: Number(physical), count: Number(last) - Number(first) + 1 },
      unwritten: flags.includes("Uninit"),
    }));
}
