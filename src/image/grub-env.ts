/**
 * GRUB's environment block: a file of a fixed size that GRUB reads (`load_env`) and overwrites where it lies
 * (`save_env`). The GRUB manual, "Environment block", and grub-core/lib/envblk.c.
 */

const HEADER = "# GRUB Environment Block\n";

/** Bytes of a block. GRUB takes any size; this is the one of grub-editenv(1). */
export const GRUB_ENV_SIZE = 1024;

/**
 * Bytes in which all variables must lie. A disk writes a sector as a whole, so a power cut leaves either the old values
 * or the new ones.
 */
const SECTOR = 512;

/** A whole block with these variables. Values are words: letters, digits, `_`, `.`, `:` and `-`. */
export function formatGrubEnv(variables: Readonly<Record<string, string>>): Uint8Array {
  const lines = Object.entries(variables).map(([name, value]) => {
    if (!/^\w+$/.test(name) || !/^[\w.:-]*$/.test(value)) throw new Error(`no variable of a block: ${name}=${value}`);
    return `${name}=${value}\n`;
  });
  const text = HEADER + lines.join("");
  if (text.length > SECTOR) throw new Error(`${text.length} bytes of variables do not fit into a sector`);
  // ASCII only. QuickJS has no TextEncoder.
  return Uint8Array.from(text.padEnd(GRUB_ENV_SIZE, "#"), (letter) => letter.charCodeAt(0));
}

/**
 * The variables of a block as GRUB reads them, whatever its size; `undefined` if GRUB takes it for none. What does not
 * end is no variable (`grub_envblk_iterate`).
 */
export function parseGrubEnv(bytes: Uint8Array): Readonly<Record<string, string>> | undefined {
  const text = String.fromCharCode(...bytes);
  if (!text.startsWith(HEADER)) return undefined;
  const variables: Record<string, string> = {};
  for (const [, name, value] of text.slice(HEADER.length).matchAll(/#.*\n?|([^=]*)=(.*)\n/gy)) {
    if (name !== undefined && value !== undefined) variables[name] = value;
  }
  return variables;
}
