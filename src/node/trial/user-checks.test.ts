import { describe, expect, it } from "vitest";
import type { ExecOptions } from "../../host/host.ts";
import { memoryHost } from "../../host/memory.ts";
import type { Condition, PodObject } from "../../kubernetes/node.ts";
import { curlOf, FILES } from "../health/testing.ts";
import { type CheckOptions, failedChecks, judgePods, type UserCheck } from "./user-checks.ts";

const options: CheckOptions = { nodeName: "a", api: true, limitS: 300 };

const pod = (name: string, status: Condition["status"], phase = "Running"): PodObject => ({
  metadata: { name },
  status: { phase, conditions: [{ type: "Ready", status }] },
});

describe("a command", () => {
  const run = async (
    result: { status?: number; stdout?: string; stderr?: string },
    given: Partial<CheckOptions> = {},
  ) => {
    const asked: { line: string | undefined; timeoutMs: number | undefined }[] = [];
    const sh = (argv: readonly string[], { timeoutMs }: ExecOptions) => {
      asked.push({ line: argv[2], timeoutMs });
      return result;
    };
    const check: UserCheck = { name: "web", command: "curl -f http://x", timeoutS: 30 };
    const failed = await failedChecks(memoryHost({ programs: { sh } }), [check], { ...options, ...given });
    return { failed, asked };
  };

  it("passes with status 0", async () => {
    expect(await run({})).toEqual({ failed: [], asked: [{ line: "curl -f http://x", timeoutMs: 30_000 }] });
  });

  it.each([
    [{ status: 22, stderr: "one\ncurl: (22) 502\n" }, "status 22, curl: (22) 502"],
    [{ status: 1, stdout: "not yet\n" }, "status 1, not yet"],
    [{ status: 3 }, "status 3"],
    [{ status: 124 }, "it did not end within 30 s"],
  ])("fails with %o", async (result, said) => {
    expect((await run(result)).failed).toEqual([{ name: "web", said }]);
  });

  it("runs no longer than the trial", async () => {
    expect((await run({}, { limitS: 7 })).asked[0]?.timeoutMs).toBe(7000);
  });

  it("runs without the API, too", async () => {
    expect((await run({ status: 1 }, { api: false })).failed).toHaveLength(1);
  });
});

describe("pods", () => {
  const check: UserCheck = { name: "ingress", pods: { namespace: "web", selector: "app in (a, b)" } };
  const path = "/api/v1/namespaces/web/pods?fieldSelector=spec.nodeName%3Da&labelSelector=app%20in%20(a%2C%20b)";
  const ask = (api: Parameters<typeof curlOf>[0]["api"], given: Partial<CheckOptions> = {}) => {
    const curl = curlOf({ kubelet: true, containerd: 92, api });
    return failedChecks(memoryHost({ files: FILES, programs: { curl } }), [check], { ...options, ...given });
  };

  it("pass if those of this node are Ready", async () => {
    expect(await ask({ [path]: { body: { items: [pod("x", "True")] } } })).toEqual([]);
  });

  it("fail with what the API says", async () => {
    expect(await ask({ [path]: { body: { items: [] } } })).toEqual([
      { name: "ingress", said: "no pod of web/app in (a, b) runs on this node" },
    ]);
    expect(await ask({})).toEqual([{ name: "ingress", said: "the API says 404" }]);
    expect(await ask({ [path]: { status: 503, body: {} } })).toEqual([
      { name: "ingress", said: "the API does not answer: it says 503" },
    ]);
  });

  it("are not asked for if the API is away", async () => {
    expect(await ask(undefined, { api: false })).toEqual([]);
  });
});

describe("judgePods", () => {
  it.each<[PodObject[], string | undefined]>([
    [[pod("x", "True"), pod("y", "True")], undefined],
    [[pod("x", "True"), pod("job", "False", "Succeeded")], undefined],
    [[pod("job", "False", "Failed")], "no pod of web runs on this node"],
    [[pod("x", "True"), pod("y", "False")], "the pod y is not Ready"],
    [[pod("x", "Unknown"), pod("y", "False"), pod("z", "False")], "the pod x and 2 more are not Ready"],
  ])("%#", (pods, reason) => {
    expect(judgePods(pods, "web")).toBe(reason);
  });
});

it("fails a check that cannot be run, and runs the others", async () => {
  const checks: UserCheck[] = [
    { name: "broken", pods: { namespace: "web" } },
    { name: "fine", command: "true", timeoutS: 1 },
  ];
  const programs = { curl: () => ({ stdout: "no JSON\n200" }), sh: () => ({}) };
  const failed = await failedChecks(memoryHost({ files: FILES, programs }), checks, options);
  expect(failed.map(({ name }) => name)).toEqual(["broken"]);
  expect(failed[0]?.said).toContain("SyntaxError");
});
