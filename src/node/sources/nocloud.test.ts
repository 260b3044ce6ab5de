import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { metaData, readNoCloud } from "./nocloud.ts";

describe("metaData", () => {
  const key = "ssh-ed25519 AAAA me";
  const cases = [
    ["a list of keys", `public-keys:\n- ${key}\n`, [key]],
    ["a map of names to keys", `public-keys:\n  me: ${key}\n`, [key]],
    ["EC2's numbered keys", `public-keys:\n  "0":\n    openssh-key: ${key}\n`, [key]],
    ["several keys in one text", `public-keys: |\n  ${key}\n  ${key}2\n`, [key, `${key}2`]],
    ["no keys", "instance-id: a\n", []],
    ["an empty file", "", []],
  ] as const;
  for (const [name, text, want] of cases) it(name, () => expect(metaData(text).keys).toEqual(want));

  it("takes local-hostname before hostname", () => {
    expect(metaData("local-hostname: a\nhostname: b\n").hostname).toBe("a");
    expect(metaData("hostname: b\n").hostname).toBe("b");
  });
  it("says what is wrong with text that is no YAML", () => {
    expect(() => metaData("a: [")).toThrow(/^meta-data of the NoCloud volume is no YAML: /);
  });
});

describe("readNoCloud", () => {
  it("copies what the volume holds, for root's eyes only, and leaves nothing mounted", async () => {
    const host = memoryHost({
      programs: {
        blkid: (argv) => (argv[2] === "cidata" ? { stdout: "/dev/sr0\n" } : { status: 2 }),
        mount: () => ({}),
        umount: () => ({}),
      },
    });
    host.mkdir("/run/k3os/cidata");
    host.write("/run/k3os/cidata/user-data", "hostname: a\n");
    host.write("/run/k3os/cidata/meta-data", "local-hostname: b\npublic-keys: [k]\n");
    expect(await readNoCloud(host)).toBe(true);
    expect(host.readText("/run/config/userdata")).toBe("hostname: a\n");
    expect(host.stat("/run/config/userdata")?.mode).toBe(0o600);
    expect(host.readText("/run/config/local_hostname")).toBe("b\n");
    expect(host.readText("/run/config/ssh/authorized_keys")).toBe("k\n");
    expect(host.ran.at(-1)).toEqual(["umount", "/run/k3os/cidata"]);
  });

  it("says so when there is no such volume", async () => {
    expect(await readNoCloud(memoryHost({ programs: { blkid: () => ({ status: 2 }) } }))).toBe(false);
  });
});
