/** Not on the node: QuickJS has no TextEncoder. */
export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
