import { describe, expect, it } from "vitest";
import { HostError } from "../../host/host.ts";
import { memoryHost } from "../../host/memory.ts";
import { catchPrinted } from "../testing.ts";
import { main } from "./main.ts";

const printed = catchPrinted();
const call = async (...args: string[]) => {
  const host = memoryHost({ files: { "/usr/share/k3os/image.json": '{ "version": "1" }', "/run/k3os/mode": "live" } });
  const status = await main(host, args);
  return { status, out: printed.join("\n"), err: host.warned.join("") };
};

describe("k3os", () => {
  it("lists its commands, and who may call them", async () => {
    const { status, out } = await call();
    expect(status).toBe(0);
    expect(out).toContain("  status   Tell how this node is (root)\n");
    expect(out).toContain(
      "  apply    Apply what changed in the configuration, and restart k3s if it has to be (root)\n",
    );
    expect(out).not.toContain("boot     ");
  });

  it.each(["status", "config", "apply", "reset", "sources"])(
    "%s --help tells its usage, and does nothing",
    async (name) => {
      const { status, out, err } = await call(name, "--help");
      expect([status, err]).toEqual([0, ""]);
      expect(out).toMatch(new RegExp(`^Usage: (sudo )?k3os ${name}`));
      expect(out).toMatch(new RegExp(`Examples:\\n  (sudo )?k3os ${name} `));
    },
  );

  it.each(["nonsense", "constructor", "__proto__"])("does not know %s", async (name) => {
    expect(await call(name)).toEqual({
      status: 2,
      out: "",
      err: `k3os: there is no command "${name}"\nSee k3os --help.\n`,
    });
  });

  it("tells who may, instead of a bug, when a file is root's", async () => {
    const host = memoryHost();
    const refused = { ...host, readText: (path: string) => refuse(path) };
    expect(await main(refused, ["status"])).toBe(1);
    expect(host.warned).toEqual(["k3os: /proc/sys/kernel/hostname is for root only\nTry it with sudo.\n"]);
  });
});

function refuse(path: string): never {
  throw new HostError("EACCES", "read", path);
}
