/** What is read of a list of revoked keys (openssh's PROTOCOL.krl): how new it is. ssh-keygen(1) reads the rest. */

/** `SSHKRL`, a line end and a zero; the version of the format follows. */
const MAGIC = [0x53, 0x53, 0x48, 0x4b, 0x52, 0x4c, 0x0a, 0x00];

/**
 * Whether one list is newer than another: by its number (`ssh-keygen -k -z NUMBER`), and by the time at which it was
 * made if both have the same. What is no list is older than any.
 */
export function isNewerKrl(found: Uint8Array, known: Uint8Array): boolean {
  const [a, b] = [ageOf(found), ageOf(known)];
  if (a === undefined || b === undefined) return a !== undefined;
  const difference = a.findIndex((byte, index) => byte !== b[index]);
  return difference >= 0 && (a[difference] ?? 0) > (b[difference] ?? 0);
}

/** The list's number and the time at which it was made: two numbers of 64 bits, the highest byte first. */
function ageOf(list: Uint8Array): Uint8Array | undefined {
  const start = MAGIC.length + 4;
  if (list.length < start + 16 || !MAGIC.every((byte, index) => list[index] === byte)) return undefined;
  return list.slice(start, start + 16);
}
