import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkClusterFile, tokenFor, tokenPath } from "./cluster-file.ts";
import { run } from "./exit.ts";
import { noteMachine, useNoMachines } from "./starting/testing.ts";
import { testIo } from "./test-io.ts";

useNoMachines();

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "k3os-cluster-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const NODES = "nodes:\n- { name: a, role: server }\n- { name: b, role: agent }\n";

function write(name: string, text: string): string {
  const path = join(directory, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function fileAt(path: string) {
  const { cluster, problems } = checkClusterFile(path);
  if (cluster === undefined) throw new Error(JSON.stringify(problems));
  return cluster;
}

async function k3os(...args: readonly string[]) {
  const io = testIo();
  return { status: await run([...args], io), out: io.out(), err: io.err() };
}

describe("the manifests of a cluster file", () => {
  it("are found beside it, in the order of their names", () => {
    for (const name of ["m/b.yaml", "m/a.yml", "m/aa.yaml", "m/deep/c.yaml", "m/not.txt", "one.json"])
      write(name, "{ apiVersion: v1, kind: Namespace }\n");
    const path = write("c.yaml", `name: c\n${NODES}manifests: [one.json, "m/*.yml", m/*.yaml]\n`);
    const names = fileAt(path).nodes[0]?.config.k3os?.manifests?.map(({ name }) => name);
    expect(names).toEqual(["one", "a", "aa", "b"]);
    symlinkSync("nowhere", join(directory, "m/gone.yaml"));
    expect(fileAt(path).nodes[0]?.config.k3os?.manifests).toHaveLength(4);
    const deep = write("d.yaml", `name: c\n${NODES}manifests: ["m/**/*.yaml"]\n`);
    expect(fileAt(deep).nodes[0]?.config.k3os?.manifests?.map(({ name }) => name)).toEqual(["c"]);
  });
});

describe("the token of a cluster file", () => {
  it("is made once, and kept beside the file for its owner alone", () => {
    const path = write("home.yaml", `name: c\n${NODES}`);
    const made = tokenFor(path, fileAt(path), () => "made");
    expect([made, tokenFor(path, fileAt(path), () => "again")]).toEqual(["made", "made"]);
    const kept = tokenPath(path);
    expect(kept).toBe(join(directory, "home.token"));
    expect([readFileSync(kept, "utf8"), statSync(kept).mode & 0o777]).toEqual(["made\n", 0o600]);
  });

  it("is that of the file if it has one", () => {
    const path = write("home.yaml", `name: c\ntoken: own\n${NODES}`);
    expect(tokenFor(path, fileAt(path), () => "made")).toBe("own");
  });

  it("is not taken from a file that holds none", () => {
    const path = write("home.yaml", `name: c\n${NODES}`);
    write("home.token", "two words\n");
    expect(() => tokenFor(path, fileAt(path), () => "made")).toThrow("has to hold the cluster's token on one line");
  });
});

describe("./k3os with a cluster file", () => {
  it("checks it like a config.yaml", async () => {
    const good = write("good.yaml", `name: c\n${NODES}`);
    const bad = write("bad.yaml", `name: c\n${NODES}manifests: [m.yaml]\n`);
    const { status, out, err } = await k3os("config", "check", good, bad);
    expect([status, out]).toEqual([1, `${good}: valid\n`]);
    expect(err).toContain(`${bad}:5:13 manifests[0]: expected files, got none for "m.yaml"`);
    const asJson = await k3os("config", "check", "--json", good, bad);
    expect(JSON.parse(asJson.out)).toMatchObject([
      { file: good, valid: true, problems: [] },
      { file: bad, valid: false, problems: [{ line: 5, column: 13 }] },
    ]);
  });

  it.each([
    [["up", "--memory", "1G"], "--memory does not go with --file"],
    [["up", "--name", "x"], "--name does not go with --file"],
    [["up", "--no-wait"], "A cluster does not go with --no-wait"],
    [["up", "--firmware", "uefi"], "--firmware has no effect"],
    [["build"], "--format image does not go with --file: it has no place for a node's config"],
    [["build", "--format", "netboot", "-o", "/tmp/x"], "a boot server hands its files to whoever asks"],
    [["build", "--format", "raw"], "--file needs --output"],
    [["build", "--format", "raw", "--config", "x"], "--config does not go with --file"],
    [["build", "--format", "iso", "--sector-size", "4096", "-o", "/tmp/x"], "--sector-size is for disks"],
    [["down", "--name", "x"], "--name does not go with --file"],
  ])("refuses %j", async (words, message) => {
    const path = write("c.yaml", `name: c\n${NODES}`);
    const { status, err } = await k3os(...words, "--file", path);
    expect([status, err]).toEqual([2, expect.stringContaining(message)]);
  });

  it("says of a file that gives no node a disk how to, instead of naming an option that it refuses", async () => {
    const path = write("c.yaml", `name: c\n${NODES}`);
    const { err } = await k3os("up", "--firmware", "uefi", "--file", path);
    expect(err).toContain("Give a node of the file a disk: `vm: { disk: 8G }`.");
    expect(err).not.toContain("--disk or --iso.");
  });

  it("finds the machines to stop whatever is wrong with the manifests", async () => {
    mkdirSync(join(directory, "x.yaml"), { recursive: true });
    const path = write("c.yaml", `name: c\n${NODES}manifests: [x.yaml]\n`);
    const { status, out } = await k3os("down", "--file", path);
    expect([status, out]).toEqual([0, 'There is no machine of the cluster "c".\n']);
  });

  it.each(["up", "down"])("%s leaves alone what another file of the same name has started", async (verb) => {
    const [path, other] = [write("a/c.yaml", `name: c\n${NODES}`), write("b/c.yaml", `name: c\n${NODES}`)];
    const from = { path: other, cluster: "c", node: "a", role: "server" as const, number: 1, config: "" };
    noteMachine("c-a", { from });
    const { status, err } = await k3os(verb, "--file", path);
    expect([status, err]).toEqual([2, expect.stringContaining(`The machines of "c" were started by ${other}`)]);
    expect(err).toContain(`./k3os down --file ${other} --purge`);
    expect(() => statSync(tokenPath(path))).toThrow();
    rmSync(other);
    if (verb === "down") expect(await k3os("down", "--file", path)).toMatchObject({ status: 0 });
  });

  it("builds nothing for nodes that could not find each other", async () => {
    const path = write("c.yaml", `name: c\n${NODES}`);
    const { status, err } = await k3os("build", "-f", path, "--format", "raw", "-o", join(directory, "out"));
    expect(status).not.toBe(0);
    expect(err).toContain(`${path}:3:5 nodes[0].name: expected an \`address\``);
    expect(() => statSync(tokenPath(path))).toThrow();
  });
});
