import { type Host, HostError } from "./host.ts";

/** How a call fails: no room for what is written, a device that does not answer, a program that ends with 1. */
export type Fault = "ENOSPC" | "EIO" | "status 1";

/** A call of the host that touches the world. */
export interface Call {
  readonly operation: string;
  /** The path (of `rename`, both), or the words of the program. */
  readonly subject: string;
}

export interface FaultyHost {
  readonly host: Host;
  /** Calls that could have failed in this way, in their order. */
  readonly calls: readonly Call[];
}

/** Calls that need room. */
const GROWING = ["write", "append", "mkdir", "symlink"] as const;
/** Calls that need a file system. */
const ON_FILES = [
  ...GROWING,
  ...([
    "read",
    "readText",
    "poke",
    "openForWriting",
    "stat",
    "list",
    "remove",
    "rename",
    "readLink",
    "chmod",
    "chown",
  ] as const),
] as const;

/**
 * The same host, but calls for which `fails` is true fail in the way of `fault`. `fails` gets the call, and the number
 * of calls before it that could have failed in this way.
 */
export function withFaults(inner: Host, fault: Fault, fails: (call: Call, index: number) => boolean): FaultyHost {
  const calls: Call[] = [];
  const isFaulty = (call: Call) => fails(call, calls.push(call) - 1);
  if (fault === "status 1") {
    const exec: Host["exec"] = async (argv, options) =>
      isFaulty({ operation: "exec", subject: argv.join(" ") })
        ? { status: 1, stdout: "", stderr: "" }
        : inner.exec(argv, options);
    return { host: { ...inner, exec }, calls };
  }
  const operations: readonly (typeof ON_FILES)[number][] = fault === "ENOSPC" ? GROWING : ON_FILES;
  const wrapped = operations.map((operation) => [
    operation,
    (...args: string[]) => {
      const paths = operation === "rename" ? args.slice(0, 2) : [args[operation === "symlink" ? 1 : 0] ?? ""];
      const subject = paths.join(" ");
      if (isFaulty({ operation, subject })) throw new HostError(fault, operation, subject);
      return (inner[operation] as (...args: string[]) => unknown)(...args);
    },
  ]);
  return { host: { ...inner, ...(Object.fromEntries(wrapped) as Pick<Host, (typeof ON_FILES)[number]>) }, calls };
}
