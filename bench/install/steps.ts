/** The progress of the silent installer, read from the console. */
export interface Said {
  readonly begun: boolean;
  /** The names of finished steps in order, without what differs between machines. */
  readonly ended: readonly string[];
  /** The image is on the disk, and the disk boots. */
  readonly done: boolean;
  /** The error, if it failed. */
  readonly failure: string | undefined;
}

/** Reads the console, which has a line for each step with its result. */
export function readSteps(console: string): Said {
  const steps = [...console.matchAll(/^- (.+?) \.\.\. (\S.*)\n/gm)];
  return {
    begun: console.includes("Installing k3OS"),
    ended: steps.map(([, title = ""]) => title.replace(/ \/dev\/\S+/, "").replace(/ \d\S*$/, "")),
    done: /^k3OS is installed on /m.test(console),
    failure: /^k3os: (?:.*\n)?.*/m.exec(console.slice(console.indexOf("Installing k3OS")))?.[0],
  };
}
