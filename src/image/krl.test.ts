import { expect, it } from "vitest";
import { isNewerKrl } from "./krl.ts";

/** The beginning of a list: its number and the time at which it was made. */
function list(number: number, time: number): Uint8Array {
  const bytes = new Uint8Array(60);
  bytes.set(new TextEncoder().encode("SSHKRL\n\0"));
  const view = new DataView(bytes.buffer);
  view.setUint32(8, 1);
  view.setBigUint64(12, BigInt(number));
  view.setBigUint64(20, BigInt(time));
  return bytes;
}

it.each([
  ["a higher number", list(2, 10), list(1, 99), true],
  ["a number that is higher in its first bytes", list(2 ** 40, 0), list(2 ** 39 + 255, 0), true],
  ["a later time of the same number", list(1, 11), list(1, 10), true],
  ["the same list", list(1, 10), list(1, 10), false],
  ["a lower number", list(1, 99), list(2, 10), false],
  ["a list, where there was none", list(0, 0), new Uint8Array(), true],
  ["no list", new TextEncoder().encode("SSHKRM\n\0 and something that is long enough"), list(0, 0), false],
])("%s: newer is %4$s", (_, found, known, want) => expect(isNewerKrl(found, known)).toBe(want));
