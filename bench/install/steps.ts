/** What the silent installer has said on the console so far. */
export interface Said {
  readonly begun: boolean;
  /** Steps that have ended, in their order: without what differs from machine to machine. */
  readonly ended: readonly string[];
  /** The image is on the disk, and the disk boots. */
  readonly done: boolean;
  /** How it failed. */
  readonly failure: string | undefined;
}

/** Reads the console: a line for each step, which ends with what came of it. */
export function readSteps(console: string): Said {
  const steps = [...console.matchAll(/^- (.+?) \.\.\. (\S.*)\n/gm)];
  return {
    begun: console.includes("Installing k3OS"),
    ended: steps.map(([, title = ""]) => title.replace(/ \/dev\/\S+/, "").replace(/ \d\S*$/, "")),
    done: /^k3OS is installed on /m.test(console),
    failure: /^k3os: (?:.*\n)?.*/m.exec(console.slice(console.indexOf("Installing k3OS")))?.[0],
  };
}
