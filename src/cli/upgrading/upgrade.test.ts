import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Boot } from "../../vm/qemu.ts";
import { type NodeStatus, outcomeOf, phaseOf, whyGivenUp } from "./outcome.ts";
import { serveImage } from "./serve.ts";
import { askNode, awaitOutcome, requireDisk } from "./upgrade.ts";

const { signal } = new AbortController();
const directory = mkdtempSync(join(tmpdir(), "k3os-serve-"));
afterAll(() => rmSync(directory, { recursive: true }));

const digest = "sha256:2";
const tried = { version: "2.0", digest, before: 1000 };
const slot = (version: string, state: string, running = false) => ({ slot: "b", version, state, running });
const committed = { version: "2.0", digest, result: "committed", at: 2000, downtime_s: 41.5 } as const;
const returned = { ...committed, result: "returned", reason: "k3s did not start", stage: "services" } as const;

describe("the outcome of an upgrade", () => {
  it("is that the image was kept, once the node says so", () => {
    const status: NodeStatus = { slots: [slot("2.0", "current", true)], last_upgrade: committed };
    expect(outcomeOf(status, tried)).toEqual({ kept: true, version: "2.0", runs: "2.0", downtime_s: 41.5 });
  });

  it("is that it was given up, once the image before runs again", () => {
    const still: NodeStatus = { slots: [slot("2.0", "refused", true)], last_upgrade: returned };
    expect(outcomeOf(still, tried)).toBeUndefined();
    const back: NodeStatus = {
      slots: [slot("1.0", "current", true), slot("2.0", "refused")],
      last_upgrade: returned,
    };
    const outcome = outcomeOf(back, tried);
    expect(outcome).toMatchObject({ kept: false, runs: "1.0", stage: "services" });
    expect(outcome && whyGivenUp(outcome)).toBe("k3s did not start (at stage services)");
  });

  it("is open during the trial, and an earlier upgrade does not count", () => {
    expect(outcomeOf({ slots: [slot("2.0", "trial", true)] }, tried)).toBeUndefined();
    const earlier: NodeStatus = { slots: [slot("1.0", "current", true)], last_upgrade: { ...returned, at: 1000 } };
    expect(outcomeOf(earlier, tried)).toBeUndefined();
    const other: NodeStatus = { ...earlier, last_upgrade: { ...committed, digest: "sha256:1" } };
    expect(outcomeOf(other, tried)).toBeUndefined();
  });

  it("is preceded by what the machine does", () => {
    const trial = (more: NodeStatus) => phaseOf({ slots: [slot("2.0", "trial", true)], ...more });
    expect(phaseOf(undefined)).toBe("the machine restarts");
    expect(trial({ ready: "unknown", checks: [{ good: false, message: "k3s is not started" }] })).toBe(
      "2.0 is on trial: k3s is not started",
    );
    expect(trial({ ready: "True", checks: [] })).toBe("2.0 is on trial: Ready, to be kept when it is stable");
    expect(phaseOf({ slots: [slot("2.0", "refused", true)] })).toBe("2.0 is given up, the machine restarts");
    expect(phaseOf({ slots: [slot("1.0", "current", true)] })).toBe("1.0 runs");
  });
});

/** A machine that answers one after the other, and then the last answer again. */
function machine(...answers: { readonly stdout?: string; readonly stderr?: string; readonly status?: number }[]) {
  const commands: string[] = [];
  return {
    name: "a",
    commands,
    async ssh(command: string) {
      commands.push(command);
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      return { status: 0, stdout: "", stderr: "", ...answer };
    },
  };
}

describe("a node that is asked to upgrade", () => {
  it("gets each word as it is, and its answer counts although the connection breaks", async () => {
    const answer = { state: "armed", version: "2.0", digest, slot: "b" };
    const node = machine({ stdout: `${JSON.stringify(answer)}\n`, status: 255 });
    const options = { allowDowngrade: true, retry: true, key: "ssh-ed25519 AAAA", signal };
    expect(await askNode(node, "http://10.0.2.2:80", options)).toEqual(answer);
    expect(node.commands).toEqual([
      "sudo k3os upgrade --json --allow-downgrade --retry --key 'ssh-ed25519 AAAA' http://10.0.2.2:80",
    ]);
  });

  it("is quoted when it refuses", async () => {
    const node = machine({ stderr: "- Ask ... done\nk3os: 1.0 is older than 2.0\nTo have it: --allow\n", status: 1 });
    await expect(askNode(node, "/x", { signal })).rejects.toMatchObject({
      message: '"a" refuses: 1.0 is older than 2.0',
      hint: "It says: To have it: --allow",
    });
  });
});

describe("the wait for an outcome", () => {
  const options = { timeoutMs: 1000, everyMs: 0, signal };
  const says = (status: NodeStatus) => ({ stdout: `${JSON.stringify(status)}\n` });

  it("lasts across the restart", async () => {
    const phases: string[] = [];
    const node = machine(
      { status: 255, stderr: "connection refused" },
      says({ slots: [slot("2.0", "trial", true)], ready: "True" }),
      says({ slots: [slot("2.0", "current", true)], last_upgrade: committed }),
    );
    const outcome = await awaitOutcome(node, tried, { ...options, onPhase: (phase) => phases.push(phase) });
    expect(outcome).toMatchObject({ kept: true });
    expect(phases).toEqual([
      "the machine restarts",
      "2.0 is on trial: Ready, to be kept when it is stable",
      "2.0 runs",
    ]);
  });

  it("ends when the machine switches itself off, and in time", async () => {
    const node = machine(says({ slots: [slot("1.0", "current", true)] }));
    await expect(awaitOutcome(node, tried, { ...options, alive: () => false })).rejects.toThrow("switched itself off");
    await expect(awaitOutcome(node, tried, { ...options, timeoutMs: 0 })).rejects.toThrow(
      "The trial of 2.0 was not decided after 0 s: 1.0 runs.",
    );
  });
});

describe("a machine", () => {
  const on = (boot: Boot) => ({ name: "a", record: { boot } }) as Parameters<typeof requireDisk>[0];

  it("without a disk has nothing to upgrade", () => {
    expect(() => requireDisk(on({ kind: "image", dir: "/img", append: "" }))).toThrow("does not run from a disk");
    expect(() => requireDisk(on({ kind: "disk", firmware: "bios" }))).not.toThrow();
  });
});

describe("the server of an image", () => {
  it("hands out its files and nothing else, also from the middle on", async () => {
    const root = join(directory, "root.squashfs");
    writeFileSync(root, "0123456789");
    let sent = 0;
    const files = { "root.squashfs": root, "image.json.sig": new TextEncoder().encode("signature") };
    const server = await serveImage(files, (bytes) => {
      sent = bytes;
    });
    const ask = async (path: string, headers = {}) => {
      const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { headers });
      return [response.status, await response.text()];
    };
    try {
      expect(await ask("/root.squashfs")).toEqual([200, "0123456789"]);
      expect(await ask("/root.squashfs", { range: "bytes=7-" })).toEqual([206, "789"]);
      expect(await ask("/root.squashfs", { range: "bytes=10-" })).toEqual([416, ""]);
      expect(await ask("/image.json.sig")).toEqual([200, "signature"]);
      expect(await ask("/../../etc/passwd")).toEqual([404, ""]);
      expect(await ask("/toString")).toEqual([404, ""]);
      expect(sent).toBe(13);
    } finally {
      await server.close();
    }
  });
});
