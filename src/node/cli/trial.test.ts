import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { trialCommand } from "./trial.ts";

describe("k3os trial", () => {
  it("does nothing but stop its service once the system is kept", async () => {
    const host = memoryHost({ files: { "/run/k3os/trial-kept": "" }, programs: { "rc-service": () => ({}) } });
    expect(await trialCommand(host, [])).toBe(0);
    expect(host.ran).toEqual([["rc-service", "k3os-trial", "stop"]]);
  });
});
