import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { silent } from "../progress.ts";
import { packageSource } from "./packages.ts";
import { openStore, type Store } from "./store.ts";

const base = "http://mirror.example.org/debian";
const sets = { root: { architecture: "amd64", packages: ["bash"], exclude: ["perl-base"] } } as const;

let root: string;
let store: Store;

/** An apt whose mirror is a directory of two files: what it says, and how it fails. */
const fakeApt = `#!/bin/sh
cd "$FAKE_MIRROR"
case " $* " in
*" update "*)
  echo update >> asked
  if [ -e failure ]; then cat failure >&2; exit 100; fi
  mkdir -p "$FAKE_STATE/lists"
  cp release "$FAKE_STATE/lists/mirror_InRelease" ;;
*" install "*)
  echo install >> asked
  cat "$FAKE_STATE"/status-* > status
  cat uris ;;
esac
`;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "packages-"));
  store = openStore(join(root, "cache"));
  const programs = join(root, "programs");
  const mirror = join(root, "mirror");
  for (const directory of [programs, mirror]) mkdirSync(directory);
  for (const [name, text] of Object.entries({ "apt-get": fakeApt, "apt-config": "#!/bin/sh\n" })) {
    writeFileSync(join(programs, name), text);
    chmodSync(join(programs, name), 0o755);
  }
  offer("5.2", "Sat, 21 Nov 2026 10:00:00 UTC");
  vi.stubEnv("PATH", `${programs}:${process.env.PATH}`);
  vi.stubEnv("FAKE_MIRROR", mirror);
  vi.stubEnv("FAKE_STATE", join(root, "cache/apt/amd64"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

function offer(version: string, date: string) {
  const file = `bash_${version}_amd64.deb`;
  const sum = version.replace(".", "").padStart(64, "0");
  writeFileSync(join(root, "mirror/uris"), `'${base}/pool/main/b/bash/${file}' ${file} 1500790 SHA256:${sum}\n`);
  writeFileSync(join(root, "mirror/release"), `Date: ${date}\n`);
}

const resolve = ({ refresh = false, offline = false } = {}) =>
  packageSource({
    host: "amd64",
    store,
    env: { K3OS_APT_MIRROR: base },
    apt: { sources: [] },
    progress: silent,
    signal: new AbortController().signal,
    refresh,
    offline,
  }).resolve(sets);

const asked = () =>
  readFileSync(join(root, "mirror/asked"), "utf8")
    .split("\n")
    .filter((line) => line === "update").length;
const age = (when: string) => {
  const directory = store.directory("resolved");
  for (const name of readdirSync(directory)) execFileSync("touch", ["--date", when, join(directory, name)]);
};

describe("the versions of packages", () => {
  it("are asked for once a day, or when the user wants it", async () => {
    const first = await resolve();
    expect(first.packages.root).toMatchObject([{ name: "bash", version: "5.2", archive: "debian" }]);
    expect(first.time).toBe(Date.UTC(2026, 10, 21, 10) / 1000);
    expect(await resolve()).toEqual(first);
    expect(asked()).toBe(1);
    age("25 hours ago");
    await resolve();
    expect(asked()).toBe(2);
    await resolve({ refresh: true });
    expect(asked()).toBe(3);
  });

  it("keep their time while the mirror has nothing new, so that nothing is built again", async () => {
    const first = await resolve();
    offer("5.2", "Sun, 22 Nov 2026 10:00:00 UTC");
    expect(await resolve({ refresh: true })).toEqual(first);
    offer("5.3", "Mon, 23 Nov 2026 10:00:00 UTC");
    const newer = await resolve({ refresh: true });
    expect(newer.packages.root?.[0]?.version).toBe("5.3");
    expect(newer.time).toBeGreaterThan(first.time);
  });

  it("are the last ones known while the mirror cannot be reached, unless newer ones were asked for", async () => {
    const first = await resolve();
    age("2 days ago");
    writeFileSync(join(root, "mirror/failure"), "E: Failed to fetch: Could not resolve host\n");
    expect(await resolve()).toEqual(first);
    await expect(resolve({ refresh: true })).rejects.toMatchObject({
      kind: "network",
      message: expect.stringContaining("Could not resolve host"),
      hint: expect.stringContaining("K3OS_APT_MIRROR"),
    });
  });

  it("need no network when they are known, and say so when they are not", async () => {
    await expect(resolve({ offline: true })).rejects.toMatchObject({ kind: "network", hint: expect.any(String) });
    expect(existsSync(join(root, "mirror/asked"))).toBe(false);
    const first = await resolve();
    age("9 days ago");
    expect(await resolve({ offline: true })).toEqual(first);
    expect(asked()).toBe(1);
  });

  it("are never taken from an index that is not signed by a trusted key", async () => {
    writeFileSync(join(root, "mirror/failure"), "E: The repository is not signed. NO_PUBKEY 0123\n");
    await expect(resolve()).rejects.toMatchObject({ kind: "integrity" });
  });

  it("are resolved as if the excluded packages were installed", async () => {
    await resolve();
    const status = readFileSync(join(root, "mirror/status"), "utf8");
    expect(status).toContain("Package: perl-base\nStatus: install ok installed\n");
  });
});
