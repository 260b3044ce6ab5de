/** Seconds of processor time, user and system, from the text of /proc/<pid>/stat (proc_pid_stat(5)). */
export function cpuSeconds(stat: string, ticksPerSecond = 100): number {
  // The second field is the program's name in brackets and may itself hold spaces and brackets.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
