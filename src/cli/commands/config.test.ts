import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { jsonSchema } from "../../config/json-schema.ts";
import { runCommand } from "../../process/run.ts";
import { run } from "../exit.ts";
import { testIo } from "../test-io.ts";

const directory = mkdtempSync(join(tmpdir(), "k3os-config-"));
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string): string {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
}

async function check(...args: string[]) {
  const io = testIo();
  const status = await run(["config", "check", ...args], io);
  return { status, out: io.out(), err: io.err() };
}

describe("config check", () => {
  const good = file("good.yaml", "hostname: a\n");
  const typo = file("typo.yaml", "hostnam: a\nk3os:\n  tokn: b\n");
  const bad = file("bad.yaml", "hostname: a_b\nk3os:\n  labels: [a]\n  taints: nonsense\n");

  it("says which files are valid", async () => {
    expect(await check(good, good)).toEqual({ status: 0, out: `${good}: valid\n`.repeat(2), err: "" });
  });

  it("reads what comes by a pipe, which can be read once", async () => {
    const pipe = join(directory, "pipe");
    await runCommand(["mkfifo", pipe]);
    const writing = runCommand(["sh", "-c", 'cat "$1" >"$2"', "sh", bad, pipe]);
    const { status, err } = await check(pipe);
    await writing;
    expect([status, err]).toEqual([1, expect.stringContaining(`${pipe}:1:11 hostname: expected a host name`)]);
  });

  it("shows every problem of every file, each with its place, a caret and a way out", async () => {
    const { status, out, err } = await check(bad, good, typo);
    expect(status).toBe(1);
    expect(out).toBe(`${good}: valid\n`);
    expect(err).toBe(`\
${bad}:1:11 hostname: expected a host name, got "a_b"
 1 | hostname: a_b
   |           ^
   = hint: letters, digits and \`-\`; a \`-\` neither first nor last; at most 63 between dots
${bad}:3:11 k3os.labels: expected names with values, got a list
 3 |   labels: [a]
   |           ^
${bad}:4:11 k3os.taints[0]: expected a taint with an effect, got "nonsense"
 4 |   taints: nonsense
   |           ^
   = hint: such as \`key=value:NoSchedule\`; the effect is NoSchedule, PreferNoSchedule or NoExecute
${typo}:1:1 hostnam: unknown key
 1 | hostnam: a
   | ^
   = hint: did you mean \`hostname\`?
${typo}:3:3 k3os.tokn: unknown key of \`k3os\`
 3 |   tokn: *
   |   ^
   = hint: did you mean \`token\`?
`);
  });

  it("warns of keys without effect with --lenient, and of nothing else", async () => {
    const { status, out, err } = await check("--lenient", typo);
    expect({ status, out }).toEqual({ status: 0, out: `${typo}: valid\n` });
    expect(err).toContain(`${typo}:1:1 hostnam: warning: unknown key\n`);
    expect((await check("--lenient", bad)).status).toBe(1);
  });

  it("tells scripts the same", async () => {
    const { status, out } = await check("--json", good, typo);
    expect(status).toBe(1);
    expect(JSON.parse(out)).toMatchObject([
      { file: good, valid: true, problems: [] },
      { file: typo, valid: false, problems: [{ line: 1, column: 1, path: "hostnam", severity: "error" }, { line: 3 }] },
    ]);
  });

  it("names a file that cannot be read", async () => {
    const none = join(directory, "none");
    expect(await check(none, good)).toMatchObject({ status: 1, out: `${good}: valid\n` });
    expect(await check(none)).toMatchObject({
      status: 1,
      err: expect.stringContaining("no such file"),
    });
  });
});

it("config schema prints what docs/config.schema.json holds", async () => {
  const io = testIo();
  expect(await run(["config", "schema"], io)).toBe(0);
  expect(JSON.parse(io.out())).toEqual(JSON.parse(JSON.stringify(jsonSchema())));
});
