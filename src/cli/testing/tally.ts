/** How many tests of something passed and failed; a check is one test. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** Names of machine tests that were not started because too little time was left. */
  readonly skipped?: readonly string[];
  readonly times?: readonly Timed[];
  /** What failed, as far as it is known: the name of each test, and the first line of why. */
  readonly failures?: readonly string[];
  /** Texts to print after everything else, such as how to reach a machine that was left running. */
  readonly notes?: readonly string[];
}

/** How long one test took, or starting and stopping the machines of a file of tests. */
export interface Timed {
  readonly name: string;
  readonly seconds: number;
}

/** The sum of several tallies. */
export function sum(tallies: readonly Tally[]): Required<Tally> {
  return {
    passed: tallies.reduce((total, { passed }) => total + passed, 0),
    failed: tallies.reduce((total, { failed }) => total + failed, 0),
    skipped: tallies.flatMap(({ skipped = [] }) => skipped),
    times: tallies.flatMap(({ times = [] }) => times),
    failures: tallies.flatMap(({ failures = [] }) => failures),
    notes: tallies.flatMap(({ notes = [] }) => notes),
  };
}

/** The last line of the command: `12 passed, 0 failed`, and `, 3 skipped` if any were. */
export function lastLine({ passed, failed, skipped = [] }: Tally): string {
  const counts = `${passed} passed, ${failed} failed`;
  return skipped.length === 0 ? counts : `${counts}, ${skipped.length} skipped`;
}

/** The ten slowest as lines, slowest first. Tests of less than a second are left out. */
export function slowest(times: readonly Timed[]): string[] {
  return times
    .filter(({ seconds }) => seconds >= 1)
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, 10)
    .map(({ name, seconds }) => `${seconds.toFixed(1).padStart(7)} s  ${name}`);
}
