import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/** Where machines and what else is not to be lost is kept: `$XDG_STATE_HOME/k3os`, by default below `~/.local/state`. */
export function stateDirectory(env: Environment): string {
  return join(base(env.XDG_STATE_HOME, ".local/state"), "k3os");
}

/** Where answers are kept that can be found again: `$XDG_CACHE_HOME/k3os`, by default below `~/.cache`. */
export function cacheDirectory(env: Environment): string {
  return join(base(env.XDG_CACHE_HOME, ".cache"), "k3os");
}

/** The XDG Base Directory Specification says that a relative path is to be ignored. */
function base(value: string | undefined, fallback: string): string {
  return value !== undefined && isAbsolute(value) ? value : join(homedir(), fallback);
}
