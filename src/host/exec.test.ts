import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { inBackground } from "./exec.ts";
import { nodeHost } from "./node.ts";

let background: string;
let own: string;

beforeEach(() => {
  background = mkdtempSync(join(tmpdir(), "k3os-group-"));
  own = join(background, "own");
});
afterEach(() => rmSync(background, { recursive: true }));

/** The process that a program ran as, in a cgroup of that path; and what the group for the background was told. */
async function run(path: string) {
  writeFileSync(own, `0::${path}\n`);
  for (const file of ["cpu.weight", "cgroup.procs"]) writeFileSync(join(background, file), "");
  const { status, stdout, stderr } = await nodeHost.exec([
    ...inBackground({ own, background }),
    ...["sh", "-c", 'echo $$; nice; echo "$1"; exit 3', "sh", "a b"],
  ]);
  const [pid, niceness, argument] = stdout.split("\n");
  expect({ status, stderr, niceness, argument }).toEqual({ status: 3, stderr: "", niceness: "10", argument: "a b" });
  const told = ["cpu.weight", "cgroup.procs"].map((file) => readFileSync(join(background, file), "utf8").trim());
  return { pid, told };
}

it("moves a service's program to the cgroup with little weight", async () => {
  const { pid, told } = await run("/openrc.k3os-agent");
  expect(told).toEqual(["10", pid]);
});

it("leaves a pod's program where it ends with its pod", async () => {
  expect((await run("/kubepods/besteffort/pod1/c")).told).toEqual(["", ""]);
});

it("runs a program where the kernel has no such cgroup", async () => {
  writeFileSync(own, "0::/openrc.sshd\n");
  const groups = { own, background: join(background, "none") };
  const told = await nodeHost.exec([...inBackground(groups), "echo", "done"]);
  expect(told).toEqual({ status: 0, stdout: "done\n", stderr: "" });
});
