/** Text and bytes, for runtimes that have neither TextEncoder nor atob. */

/** Encodes as UTF-8. A lone surrogate becomes U+FFFD. */
export function utf8(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 3);
  let length = 0;
  for (const character of text) {
    let code = character.codePointAt(0) ?? 0;
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
    if (code < 0x80) bytes[length++] = code;
    else {
      const tail = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
      bytes[length++] = ([0, 0xc0, 0xe0, 0xf0][tail] ?? 0) | (code >> (6 * tail));
      for (let shift = 6 * (tail - 1); shift >= 0; shift -= 6) bytes[length++] = 0x80 | ((code >> shift) & 0x3f);
    }
  }
  return bytes.slice(0, length);
}

/** Decodes UTF-8; `undefined` if the bytes are not UTF-8. */
export function fromUtf8(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  const escaped = Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`);
  try {
    return decodeURIComponent(escaped.join(""));
  } catch {
    return undefined;
  }
}

/** One byte for each character; `undefined` if a character does not fit into one. */
export function latin1(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0xff) return undefined;
    bytes[at] = code;
  }
  return bytes;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** What is wrong with base64 text, or `undefined`. White space, missing padding, `-` and `_` are allowed. */
export function base64Flaw(text: string): string | undefined {
  const bad = /[^A-Za-z0-9+/\-_=\s]/u.exec(text);
  if (bad !== null) return `${JSON.stringify(bad[0])} as character ${bad.index + 1}`;
  const packed = text.replace(/\s/g, "");
  if (/=[^=]/.test(packed)) return `"=" in the middle, as character ${text.search(/=\s*[^=\s]/) + 1}`;
  if (packed.replace(/=+$/, "").length % 4 === 1)
    return `${packed.replace(/=+$/, "").length} digits, so some are missing`;
  return undefined;
}

/** Decodes text that `base64Flaw` accepts. */
export function base64(text: string): Uint8Array {
  const packed = text.replace(/[\s=]/g, "").replace(/-/g, "+").replace(/_/g, "/");
  const bytes = new Uint8Array(Math.floor((packed.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let length = 0;
  for (let at = 0; at < packed.length; at++) {
    held = ((held << 6) | digitOf(packed.charCodeAt(at))) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[length++] = (held >> bits) & 0xff;
    }
  }
  return bytes;
}

export function toBase64(bytes: Uint8Array): string {
  const digits: string[] = [];
  for (let at = 0; at < bytes.length; at += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(at, at + 3);
    const group = (a << 16) | (b << 8) | c;
    for (let digit = 0; digit < 4; digit++) {
      digits.push(at + digit > bytes.length ? "=" : ALPHABET.charAt((group >> (18 - 6 * digit)) & 63));
    }
  }
  return digits.join("");
}

const DIGITS = new Map([...ALPHABET].map((character, digit) => [character.charCodeAt(0), digit]));
const digitOf = (code: number): number => DIGITS.get(code) ?? 0;
