import { readFileSync } from "node:fs";
import { K3osError } from "../errors.ts";

/** The text of a file that a user named. A failure says in words why it cannot be read, with `hint` as the way out. */
export function readNamedFile(path: string, hint?: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new K3osError("config", `${path} cannot be read: ${whyNot(cause)}.`, {
      ...(hint !== undefined && { hint }),
      cause,
    });
  }
}

/** Why a file cannot be read, in words. */
export function whyNot(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: "there is no such file",
    ENOTDIR: "there is no such file",
    EISDIR: "it is a directory",
    EACCES: "you may not read it",
  };
  return reasons[code ?? ""] ?? message;
}
