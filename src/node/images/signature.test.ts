import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasSshKeygen, type Keys, keysIn } from "../../../test/support/keys.ts";
import { nodeHost } from "../../host/node.ts";
import { allowedSigners, PURPOSES, type Purpose } from "../../image/signing.ts";
import { verifySignature } from "./signature.ts";
import type { Trust } from "./trust.ts";

describe.runIf(hasSshKeygen)("a signature, by the real ssh-keygen", () => {
  let work: string;
  let keys: Keys;
  let trust: Trust;
  beforeAll(() => {
    work = mkdtempSync(join(tmpdir(), "k3os-signature-"));
    keys = keysIn(work);
    keys.certify("root", "release", "k3os-release");
    keys.certify("root", "channel", "k3os-channel");
    keys.certify("root", "expired", "k3os-release", "20200101:20200201");
    keys.certify("root", "early", "k3os-release", "+1d:+2d");
    keys.certify("other", "foreign", "k3os-release");
    trust = { signers: allowedSigners([keys.public("root")]), name: "k3os.upgrade.keys" };
  });
  afterAll(() => rmSync(work, { recursive: true }));

  const check = (signer: string, purpose: Purpose, { as = purpose, by = trust }: { as?: Purpose; by?: Trust } = {}) => {
    const file = join(work, "image.json");
    rmSync(`${file}.sig`, { force: true });
    writeFileSync(file, "{}\n");
    keys.sign(signer, PURPOSES[as].namespace, file);
    return verifySignature(nodeHost, file, purpose, by, work);
  };

  it.each([
    ["an image by the key itself", "root", "image"],
    ["a channel by the key itself", "root", "channel"],
    ["revoked keys by the key itself", "root", "revocation"],
    ["an image by a key that it certified for releases", "release", "image"],
    ["a channel by a key that it certified for channels", "channel", "channel"],
  ] as const)("is taken for %s", async (_, signer, purpose) => {
    expect(await check(signer, purpose)).toMatch(/^SHA256:\S{43}$/);
  });

  it.each([
    ["an image by a key of channels", "channel", "image", "name is not a listed principal"],
    ["a channel by a key of releases", "release", "channel", "name is not a listed principal"],
    ["revoked keys by a certified key", "release", "revocation", "the key is another one"],
    ["an image by a key that nobody knows", "stranger", "image", "the key is another one"],
    ["an image by a certificate of another authority", "foreign", "image", "the key is another one"],
    ["an image by a certificate that has expired", "expired", "image", "its certificate is not valid: expired"],
    ["an image by a certificate of tomorrow", "early", "image", "its certificate is not valid: not yet valid"],
  ] as const)("is refused for %s", async (_, signer, purpose, why) => {
    await expect(check(signer, purpose)).rejects.toMatchObject({
      kind: "integrity",
      message: expect.stringContaining(`image.json is not signed by a key that k3os.upgrade.keys allows: `),
    });
    await expect(check(signer, purpose)).rejects.toThrow(why);
  });

  it("is refused if it was made for something else", async () => {
    await expect(check("root", "image", { as: "channel" })).rejects.toThrow("namespace does not match");
  });

  it("is refused if the file has changed since", async () => {
    await check("root", "image");
    writeFileSync(join(work, "image.json"), "{ }\n");
    const changed = verifySignature(nodeHost, join(work, "image.json"), "image", trust, work);
    await expect(changed).rejects.toThrow("incorrect signature");
  });

  it("is refused of a revoked key, certified or not", async () => {
    const revoked = join(work, "revoked");
    keys.revoke(revoked, 1, "release", "second");
    const by = { ...trust, signers: allowedSigners([keys.public("root"), keys.public("second")]), revoked };
    await expect(check("release", "image", { by })).rejects.toThrow("or was revoked");
    await expect(check("second", "image", { by })).rejects.toThrow("or was revoked");
    expect(await check("root", "image", { by })).toMatch(/^SHA256:/);
    expect(await check("channel", "channel", { by })).toMatch(/^SHA256:/);
  });

  it("is looked at as of the time of the image that runs, if the clock is behind that", async () => {
    const host = { ...nodeHost, now: () => Date.UTC(2020, 0, 15) };
    const file = join(work, "image.json");
    await check("root", "image");
    rmSync(`${file}.sig`);
    keys.sign("expired", PURPOSES.image.namespace, file);
    expect(await verifySignature(host, file, "image", trust, work)).toMatch(/^SHA256:/);
    const late = { ...trust, notBefore: Date.UTC(2026, 0, 1) / 1000 };
    await expect(verifySignature(host, file, "image", late, work)).rejects.toThrow("expired");
  });

  it("may be missing only if that is wanted, and may never be wrong", async () => {
    const file = join(work, "image.json");
    await check("root", "image");
    rmSync(`${file}.sig`);
    const unsigned = { ...trust, unsigned: true };
    expect(await verifySignature(nodeHost, file, "image", unsigned, work)).toBeUndefined();
    await expect(verifySignature(nodeHost, file, "image", trust, work)).rejects.toMatchObject({
      message: `there is no signature of ${file}, which k3os.upgrade.keys asks for`,
      hint: expect.stringContaining("ssh-keygen -Y sign -n k3os-image"),
    });
    await expect(check("stranger", "image", { by: unsigned })).rejects.toMatchObject({ kind: "integrity" });
  });

  it("may be limited further by lines of ssh-keygen's own form", async () => {
    const [type, key] = keys.public("root").split(" ");
    const signers = allowedSigners([`k3os-release cert-authority,valid-before="20200101" ${type} ${key}`]);
    await expect(check("release", "image", { by: { ...trust, signers } })).rejects.toMatchObject({ kind: "integrity" });
    await expect(check("root", "image", { by: { ...trust, signers } })).rejects.toMatchObject({ kind: "integrity" });
  });
});
