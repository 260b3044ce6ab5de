import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The directory of machines and of other things not to be lost: `$XDG_STATE_HOME/k3os`, by default below
 * `~/.local/state`.
 */
export function stateDirectory(env: Environment): string {
  return join(base(env.XDG_STATE_HOME, ".local/state"), "k3os");
}

/** The directory of what can be made again: `$XDG_CACHE_HOME/k3os`, by default below `~/.cache`. */
export function cacheDirectory(env: Environment): string {
  return join(base(env.XDG_CACHE_HOME, ".cache"), "k3os");
}

/** The XDG Base Directory Specification says that a relative path is to be ignored. */
function base(value: string | undefined, fallback: string): string {
  return value !== undefined && isAbsolute(value) ? value : join(homedir(), fallback);
}
