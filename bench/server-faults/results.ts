/** A time that a test has noted. */
export interface Measured {
  readonly what: string;
  readonly seconds: number;
}

/** What `go test -v` prints: the times that tests have noted, by their names. */
export function measuredIn(printed: string): Measured[] {
  const found = [...printed.matchAll(/^ +\S+_test\.go:\d+: measured (.+): ([\d.]+) s$/gm)];
  return found
    .map(([, what = "", seconds]) => ({ what, seconds: Number(seconds) }))
    .sort((a, b) => a.what.localeCompare(b.what));
}
