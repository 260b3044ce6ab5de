import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { madeAccounts, observeAccount } from "./accounts.ts";
import { makeAccount, removeAccount } from "./change-accounts.ts";

const files = {
  "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nrancher:x:1000:1000:k3OS:/home/rancher:/bin/bash\n",
  "/etc/group": "root:x:0:\nadm:x:4:rancher\nsudo:x:27:rancher\nrancher:x:1000:\n",
  "/etc/shadow": "root:*::0:99999:7:::\nrancher:*::0:99999:7:::\n",
  "/etc/skel/.bashrc": "# shell\n",
  "/etc/sudoers.d/rancher": "",
  "/bin/bash": "",
  "/bin/sh": "",
  "/home/rancher/.profile": "",
};
const plain = { shell: "/bin/bash", groups: [], sudo: false };
const machine = () => {
  const host = memoryHost({ files });
  host.chown("/home/rancher", "1000:1000");
  return host;
};

describe("an account", () => {
  it("is made with the next number, a home and nothing that lets anybody in", () => {
    const host = machine();
    makeAccount(host, "ada", plain);
    makeAccount(host, "bob", { ...plain, groups: ["adm", "sudo"], sudo: true });
    expect(host.readText("/etc/passwd").split("\n").slice(2)).toEqual([
      "ada:x:1001:1001:k3OS config:/home/ada:/bin/bash",
      "bob:x:1002:1002:k3OS config:/home/bob:/bin/bash",
      "",
    ]);
    expect(host.readText("/etc/group").split("\n").slice(1)).toEqual([
      ...["adm:x:4:rancher,bob", "sudo:x:27:rancher,bob", "rancher:x:1000:", "ada:x:1001:", "bob:x:1002:", ""],
    ]);
    expect(host.readText("/etc/shadow")).toContain("\nada:*::0:99999:7:::\n");
    expect(host.stat("/home/ada")).toMatchObject({ mode: 0o700, uid: 1001, gid: 1001 });
    expect(host.stat("/home/ada/.bashrc")).toMatchObject({ uid: 1001 });
    expect(host.stat("/etc/sudoers.d/ada")).toBeUndefined();
    expect(host.readText("/etc/sudoers.d/bob")).toBe("bob ALL=(ALL) NOPASSWD: ALL\n");
    expect(host.stat("/etc/sudoers.d/bob")).toMatchObject({ mode: 0o440, uid: 0 });
  });

  it("is then as it was wanted, and changes to what is wanted next", () => {
    const host = machine();
    const wanted = { shell: "/bin/sh", groups: ["adm", "sudo"], sudo: true };
    makeAccount(host, "ada", wanted);
    expect(observeAccount(host, "ada")).toEqual(wanted);
    const before = host.texts();
    makeAccount(host, "ada", wanted);
    expect(host.texts()).toEqual(before);
    makeAccount(host, "ada", plain);
    expect(observeAccount(host, "ada")).toEqual(plain);
    expect(observeAccount(host, "eve")).toBeUndefined();
  });

  it("keeps its number from boot to boot, whatever the order, since its home knows it", () => {
    const host = machine();
    host.mkdir("/home/ada");
    host.mkdir("/home/gone");
    host.chown("/home/ada", "1002:1002");
    host.chown("/home/gone", "1001:1001");
    makeAccount(host, "bob", plain);
    makeAccount(host, "ada", plain);
    expect(host.readText("/etc/passwd")).toMatch(/bob:x:1003:.*\nada:x:1002:/);
  });

  it("is refused where it could not log in, or is one of the system", () => {
    const host = machine();
    host.write("/etc/passwd", `${host.readText("/etc/passwd")}daemon:x:1:1::/:/bin/sh\n`);
    const before = host.texts();
    expect(() => makeAccount(host, "daemon", plain)).toThrow("daemon is an account of the system");
    expect(() => makeAccount(host, "rancher", plain)).toThrow("rancher is an account of the system");
    expect(() => makeAccount(host, "adm", plain)).toThrow("adm is a group of the system");
    expect(() => makeAccount(host, "ada", { ...plain, groups: ["wheel"] })).toThrow("there is no group wheel");
    expect(() => makeAccount(host, "ada", { ...plain, shell: "/bin/fish" })).toThrow("there is no shell /bin/fish");
    expect(host.texts()).toEqual(before);
  });

  it("goes without its home, and nobody else with it", () => {
    const host = machine();
    const before = host.texts();
    makeAccount(host, "ada", { ...plain, groups: ["adm"], sudo: true });
    expect(madeAccounts(host)).toEqual(["ada"]);
    removeAccount(host, "ada");
    expect(host.texts()).toEqual({ ...before, "/home/ada/.bashrc": "# shell\n" });
    expect(madeAccounts(host)).toEqual([]);
  });
});
