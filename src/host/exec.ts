import { concat } from "../formats/bytes.ts";
import type { ExecOptions, ExecResult, Host } from "./host.ts";
import { decodeUtf8 } from "./utf8.ts";

/** Its own cgroup, and that for the background: made when k3s starts, and given its files by the kubelet. */
const GROUPS = { own: "/proc/self/cgroup", background: "/sys/fs/cgroup/k3os.background" } as const;

/**
 * What starts a program in the background. On a busy processor it gets a tenth of what a service gets, so that it still
 * comes to its end. Niceness counts only inside of a cgroup (cgroup-v2.rst, "CPU Interface Files"), and services have
 * one each: so a service's program moves to one with little weight. That of a pod stays, to end with its pod. A node
 * has no nice(1).
 */
export function inBackground(
  groups: { readonly own: string; readonly background: string } = GROUPS,
): readonly string[] {
  const move = 'echo 10 >"$0/cpu.weight" && echo $$ >"$0/cgroup.procs"';
  const moveService = `read -r own <"$1"; case $own in *:/openrc.*) [ ! -w "$0/cpu.weight" ] || { ${move}; } ;; esac`;
  const script = `renice -n 10 $$ >/dev/null; { ${moveService}; } 2>/dev/null; shift; exec ionice -c idle "$@"`;
  return ["sh", "-c", script, groups.background, groups.own];
}

/** `exec` of every host, by `spawn`: collects the output of the program. */
export async function execBy(
  spawn: Host["spawn"],
  argv: readonly string[],
  { inherit = false, background = false, ...options }: ExecOptions,
): Promise<ExecResult> {
  const stdout: Uint8Array[] = [];
  const stderr: Uint8Array[] = [];
  const keep = {
    onChunk: (chunk: Uint8Array) => void stdout.push(chunk),
    onErrorChunk: (chunk: Uint8Array) => void stderr.push(chunk),
  };
  const started = background ? [...inBackground(), ...argv] : argv;
  const status = await spawn(started, inherit ? options : { ...options, ...keep }).ended;
  return { status, stdout: decodeUtf8(concat(stdout)), stderr: decodeUtf8(concat(stderr)) };
}
