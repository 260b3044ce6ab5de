import type { Random } from "./random.ts";

/** What breaks parsers: YAML's own characters, kernel quoting, ends of lines, of text and of Unicode. */
const PIECES: readonly string[] = [
  ...["\n", " ", "\t", "\r\n", "\0", "\ufeff", "\u2028", "\ud800", "\uffff", "é", "💥", "\u001b[31m"],
  ...["[", "]", "{", "}", ":", ": ", ",", "-", "- ", "?", "&a", "*a", "!", "!!binary ", "!!python/object:x "],
  ...["|", "|-\n  ", ">", "'", '"', "%", "@", "`", "#", " #", "\\", "=", ".", "/", "~", "---\n", "...\n", "<<: "],
  ...["null", "true", "yes", "0644", "1e999", "0x", "-", "NaN", ".inf", "2026-01-01", "__proto__", "constructor"],
  ...["k3os", "k3o:", "hostname", "k3os.", "k3os[", "ssh_authorized_keys", "#cloud-config\n", "#!/bin/sh\n"],
];

type Mutation = (text: string, random: Random, others: readonly string[]) => string;

const cut: Mutation = (text, random) => {
  const from = random.below(text.length + 1);
  return text.slice(0, from) + text.slice(from + 1 + random.below(12));
};

const insert: Mutation = (text, random) => {
  const at = random.below(text.length + 1);
  return text.slice(0, at) + random.of(PIECES) + text.slice(at);
};

const replace: Mutation = (text, random) => {
  const at = random.below(text.length + 1);
  return text.slice(0, at) + random.of(PIECES) + text.slice(at + 1);
};

const truncate: Mutation = (text, random) => text.slice(0, random.below(text.length + 1));

const repeat: Mutation = (text, random) => {
  const from = random.below(text.length + 1);
  const to = from + random.below(40);
  return text.slice(0, to) + text.slice(from, to).repeat(1 + random.below(300)) + text.slice(to);
};

const swapLines: Mutation = (text, random) => {
  const lines = text.split("\n");
  const [a, b] = [random.below(lines.length), random.below(lines.length)];
  [lines[a], lines[b]] = [lines[b] ?? "", lines[a] ?? ""];
  return lines.join("\n");
};

const indent: Mutation = (text, random) => {
  const lines = text.split("\n");
  const at = random.below(lines.length);
  const line = lines[at] ?? "";
  lines[at] = random.below(2) === 0 ? " ".repeat(1 + random.below(4)) + line : line.replace(/^ {1,2}/, "");
  return lines.join("\n");
};

const splice: Mutation = (text, random, others) => {
  const other = others[random.below(others.length)] ?? "";
  const from = random.below(other.length + 1);
  const at = random.below(text.length + 1);
  return text.slice(0, at) + other.slice(from, from + random.below(200)) + text.slice(at);
};

const nest: Mutation = (text, random) => {
  const depth = 1 + random.below(2000);
  const [open, close] = random.of([
    ["[", "]"],
    ["{a: ", "}"],
    ["- ", ""],
    ["? ", ""],
  ]);
  const at = random.below(text.length + 1);
  return text.slice(0, at) + open.repeat(depth) + close.repeat(random.below(2) * depth) + text.slice(at);
};

const laugh: Mutation = (text, random) => {
  const width = 2 + random.below(9);
  const lines = [`l0: &l0 [${"x,".repeat(width)}]`];
  for (let level = 1; level < 2 + random.below(12); level++) {
    lines.push(`l${level}: &l${level} [${`*l${level - 1},`.repeat(width)}]`);
  }
  return `${lines.join("\n")}\n${text}`;
};

// Small changes leave a text valid enough to reach far into the code.
const MUTATIONS: readonly Mutation[] = [
  ...[cut, cut, cut, insert, insert, insert, replace, replace, replace, swapLines, indent, indent],
  ...[truncate, repeat, splice, splice, nest, laugh],
];

/** A text with one to six random changes. */
export function mutate(text: string, random: Random, others: readonly string[]): string {
  let mutated = text;
  for (let times = 1 + random.below(6); times > 0; times--) mutated = random.of(MUTATIONS)(mutated, random, others);
  return mutated;
}
