import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { run } from "./exit.ts";
import { createProgram } from "./program.ts";
import { testIo } from "./test-io.ts";

const commands = paths(createProgram(testIo()), []);

describe("--help", () => {
  it.each(commands.map((path) => [path.join(" "), path] as const))("k3os %s", async (_, path) => {
    const io = testIo();
    expect(await run([...path, "--help"], io)).toBe(0);
    expect(io.out()).toMatchSnapshot();
  });

  it("has an example on every command", async () => {
    for (const path of commands) {
      const io = testIo();
      await run([...path, "--help"], io);
      expect(io.out(), path.join(" ")).toContain("Examples:\n  ");
    }
  });
});

it.each([["help"], ["help", "up"]])("%s %s is --help in other words", async (...words) => {
  const [asked, io] = [testIo(), testIo()];
  expect(await run(words, asked)).toBe(0);
  expect(await run([...words.slice(1), "--help"], io)).toBe(0);
  expect(asked.out()).toBe(io.out());
});

it("prints the version", async () => {
  const io = testIo();
  expect(await run(["--version"], io)).toBe(0);
  expect(io.out()).toMatch(/^\d+\.\d+\.\d+\n$/);
});

function paths(command: Command, path: readonly string[]): (readonly string[])[] {
  const below = command.commands.filter((sub) => !sub.name().startsWith("_"));
  return [path, ...below.flatMap((sub) => paths(sub, [...path, sub.name()]))];
}
