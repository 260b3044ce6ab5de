/** FNV-1a, 2 × 32 bit. It distinguishes texts of one node. It is not a cryptographic hash. */
export function digestOf(text: string): string {
  return [0x811c9dc5, 0x01234567]
    .map((seed) => {
      let hash = seed;
      for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
      return hash.toString(16).padStart(8, "0");
    })
    .join("");
}
