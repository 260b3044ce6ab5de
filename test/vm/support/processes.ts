/** Processes of a node. */

/**
 * A line of shell that prints the processes of the k3s binary, each with its number and the time of its start in ticks
 * since the boot: another process of the same number has another one. Commands of k3s that run are among them.
 */
export const K3S_PROCESSES =
  "for p in $(pidof k3s); do echo $p $(sed 's/.*) //' /proc/$p/stat | cut -d' ' -f20); done | sort -n";
