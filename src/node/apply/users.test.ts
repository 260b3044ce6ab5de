import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { account, ownerIds, passwordHash, setPasswordHash } from "./users.ts";

const files = {
  "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nrancher:x:1000:1000::/home/rancher:/bin/bash\n",
  "/etc/group": "root:x:0:\nadm:x:4:rancher\nrancher:x:1000:\n",
  "/etc/shadow": "root:*::0:99999:7:::\nrancher:*::0:99999:7:::\n",
};

describe("accounts", () => {
  it("are found by name", () => {
    expect(account(memoryHost({ files }), "rancher")).toMatchObject({ uid: 1000, gid: 1000, home: "/home/rancher" });
    expect(account(memoryHost({ files }), "nobody")).toBeUndefined();
  });

  const owners = [
    ["rancher", { uid: 1000, gid: undefined }],
    ["rancher:adm", { uid: 1000, gid: 4 }],
    ["rancher:", { uid: 1000, gid: 1000 }],
    ["12:34", { uid: 12, gid: 34 }],
    [":adm", { uid: undefined, gid: 4 }],
    ["nobody", undefined],
    ["rancher:nobody", undefined],
  ] as const;
  for (const [owner, want] of owners) {
    it(`has the ids of "${owner}" as chown reads it`, () => {
      expect(ownerIds(memoryHost({ files }), owner)).toEqual(want);
    });
  }

  it("get a password without a change to anybody else's line", () => {
    const host = memoryHost({ files });
    setPasswordHash(host, "rancher", "$6$salt$hash");
    expect(host.readText("/etc/shadow")).toBe("root:*::0:99999:7:::\nrancher:$6$salt$hash::0:99999:7:::\n");
    expect(passwordHash(host, "rancher")).toBe("$6$salt$hash");
    expect(() => setPasswordHash(host, "nobody", "")).toThrow("there is no user nobody");
  });
});
