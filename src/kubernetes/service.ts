/** How often k3s may end and be started again before that is a loop. A healthy start takes fewer tries. */
const HEALTHY_RESTARTS = 4;

/** Whether k3s fails again and again, by how often its supervisor has started it again. */
export function isCrashLoop(restarts: number): boolean {
  return restarts > HEALTHY_RESTARTS;
}
