/** UTC, to the second, as Kubernetes writes times (RFC 3339). `at` is milliseconds since 1970. */
export function isoTime(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
}
