import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { createProgram } from "../program.ts";
import { testIo } from "../test-io.ts";
import { candidates } from "./candidates.ts";
import { scriptFor, shells } from "./scripts.ts";

const program = createProgram(testIo());
const complete = (line: string) => candidates(program, line.split(" "), () => ["k3os", "other"]);

describe("candidates", () => {
  it.each<[string, string[]]>([
    ["st", ["status"]],
    ["image ", ["load"]],
    ["completion ", ["bash", "zsh", "fish"]],
    ["status --", ["--name", "--boot", "--json", "--help"]],
    ["status --name ", ["k3os", "other"]],
    ["status -n o", ["other"]],
    ["kubectl --name k", ["k3os"]],
    ["up --accel ", ["kvm", "tcg"]],
    ["up --name a --acc", ["--accel"]],
    ["up --config ", []],
    ["image load ", []],
  ])("k3os %s", (line, wanted) => {
    expect(complete(line)).toEqual(wanted);
  });

  it("names every command, none that is hidden", () => {
    expect(complete("")).toContain("up");
    expect(complete("").join(" ")).not.toContain("_");
  });
});

describe("the scripts", () => {
  it.each(shells.filter(isInstalled))("%s understands its own", (shell) => {
    execFileSync(shell, ["-n"], { input: scriptFor(shell) });
  });

  it("bash completes with what the command prints", () => {
    const script = `k3os() { echo "$@" >&2; printf 'status\\nstop\\n'; }
${scriptFor("bash")}
COMP_WORDS=(k3os st); COMP_CWORD=1; _k3os; echo "\${COMPREPLY[@]}"`;
    expect(execFileSync("bash", ["-c", script], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })).toBe(
      "status stop\n",
    );
  });
});

function isInstalled(shell: string): boolean {
  try {
    execFileSync(shell, ["-c", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
