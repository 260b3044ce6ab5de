import { createPrivateKey, createSign, generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";

/** A client certificate and its key, both PEM. */
export interface Credential {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  readonly cert: string;
  readonly key: string;
}

/** A client certificate for `CN=user, O=group`, valid for a day, signed by an authority with an EC key. */
export function clientCertificate({ cert, key }: Authority, user: string, group: string): Credential {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const now = Date.now();
  const tbs = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_WITH_SHA256,
    subjectOf(new X509Certificate(cert).raw),
    sequence(utcTime(now - HOUR), utcTime(now + 24 * HOUR)),
    sequence(nameOf(ORGANIZATION, group), nameOf(COMMON_NAME, user)),
    pair.publicKey.export({ type: "spki", format: "der" }),
    explicit(3, sequence(sequence(EXTENDED_KEY_USAGE, octets(sequence(CLIENT_AUTH))))),
  );
  const signature = createSign("SHA256").update(tbs).sign(createPrivateKey(key));
  const der = sequence(tbs, ECDSA_WITH_SHA256, tlv(0x03, Buffer.from([0]), signature));
  return { cert: pem(der), key: pair.privateKey.export({ type: "pkcs8", format: "pem" }) as string };
}

const HOUR = 3_600_000;

function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (...parts: readonly Uint8Array[]) => tlv(0x30, ...parts);
const integer = (bytes: Uint8Array) => tlv(0x02, bytes);
const octets = (bytes: Uint8Array) => tlv(0x04, bytes);
const explicit = (number: number, inner: Uint8Array) => tlv(0xa0 + number, inner);
const oid = (hex: string) => tlv(0x06, Buffer.from(hex, "hex"));
const nameOf = (type: Uint8Array, value: string) => tlv(0x31, sequence(type, tlv(0x0c, Buffer.from(value))));
const utcTime = (time: number) =>
  tlv(
    0x17,
    Buffer.from(
      `${new Date(time)
        .toISOString()
        .replace(/[-:T]|\.\d+/g, "")
        .slice(2)}`,
    ),
  );

const ECDSA_WITH_SHA256 = sequence(oid("2a8648ce3d040302"));
const COMMON_NAME = oid("550403");
const ORGANIZATION = oid("55040a");
const EXTENDED_KEY_USAGE = oid("551d25");
const CLIENT_AUTH = oid("2b06010505070302");

/** The subject of a certificate, as bytes: the sixth element of its first part, behind the version. */
function subjectOf(der: Uint8Array): Uint8Array {
  const [tbs] = elements(contentOf(der));
  const subject = elements(contentOf(tbs ?? new Uint8Array()))[5];
  if (subject === undefined) throw new Error("the authority's certificate has no subject");
  return subject;
}

function contentOf(der: Uint8Array): Uint8Array {
  const { start, end } = extent(der, 0);
  return der.subarray(start, end);
}

function elements(content: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0; at < content.length; at = extent(content, at).end) {
    found.push(content.subarray(at, extent(content, at).end));
  }
  return found;
}

/** Where the content of the element at `at` starts and ends. */
function extent(der: Uint8Array, at: number): { start: number; end: number } {
  const first = der[at + 1] ?? 0;
  const more = first < 128 ? 0 : first - 128;
  const length = more === 0 ? first : der.subarray(at + 2, at + 2 + more).reduce((sum, byte) => sum * 256 + byte, 0);
  const start = at + 2 + more;
  return { start, end: start + length };
}

function pem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
