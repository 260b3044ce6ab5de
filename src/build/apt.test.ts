import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openApt, parsePrintedUris } from "./apt.ts";
import { findMirrors, mirrorsIn } from "./mirror.ts";

describe("the mirror", () => {
  const printed = (base: string, suite: string) => `'${base}/dists/${suite}/InRelease' some_file 0 \n`;

  it("is that of the host's own Debian sources, whichever release they are for", () => {
    const said =
      printed("https://apt.example.org/tools", "nodistro") +
      printed("http://mirror.example.org/debian", "bookworm") +
      printed("http://mirror.example.org/debian", "bookworm-updates") +
      printed("http://mirror.example.org/security", "bookworm-security");
    expect(mirrorsIn(said)).toEqual({
      debian: "http://mirror.example.org/debian",
      security: "http://mirror.example.org/security",
    });
  });

  it("is not to be had from a host of another distribution", () => {
    expect(mirrorsIn(printed("http://mirror.example.org/ubuntu", "noble-security"))).toEqual({});
  });

  it("is what the user set, before anything else", async () => {
    const env = { K3OS_APT_MIRROR: "http://mirror.example.org/debian/" };
    expect(await findMirrors(env, { mirror: "http://other.example.org/debian" })).toEqual({
      debian: "http://mirror.example.org/debian",
      security: "http://mirror.example.org/debian-security",
    });
  });
});

describe("what apt prints", () => {
  it("names each package down to its bytes, and no host", () => {
    const sha256 = "a".repeat(64);
    const text = `Reading package lists...
'http://mirror.example.org/debian/pool/main/s/sudo/sudo_1.9%2b1_amd64.deb' sudo_1%3a1.9+1_amd64.deb 2087320 SHA256:${sha256}
`;
    expect(parsePrintedUris(text, [{ name: "debian", uri: "http://mirror.example.org/debian" }])).toEqual([
      {
        name: "sudo",
        version: "1:1.9+1",
        architecture: "amd64",
        sha256,
        size: 2087320,
        archive: "debian",
        path: "pool/main/s/sudo/sudo_1.9+1_amd64.deb",
      },
    ]);
  });
});

describe("packages that cannot be had", () => {
  const directory = mkdtempSync(join(tmpdir(), "k3os-apt-"));
  afterAll(() => rmSync(directory, { recursive: true }));
  const download = async (uri: string) => {
    const archive = { name: "debian", uri, suites: ["trixie"], components: ["main"], keyring: "/none" };
    const apt = await openApt({
      architecture: "amd64",
      directory,
      archives: [archive],
      signal: new AbortController().signal,
      log: () => {},
    });
    const entry = {
      name: "sudo",
      version: "1.9",
      architecture: "amd64",
      size: 1,
      archive: "debian",
      path: "pool/sudo.deb",
    };
    await apt.download([{ ...entry, sha256: "a".repeat(64) }], directory);
  };

  it("are told from a mirror that has them no longer", async () => {
    await expect(download(`file:${directory}`)).rejects.toThrow(
      "The mirror does not give out 1 of the locked packages: sudo 1.9.",
    );
  });

  it("are told from a mirror that does not answer", { timeout: 60_000 }, async () => {
    await expect(download("http://no-such-mirror.invalid")).rejects.toThrow("The package mirror cannot be read: ");
  });
});
