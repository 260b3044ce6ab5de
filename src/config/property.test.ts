import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type LayerKind, load, plan, redact, toYaml } from "./index.ts";
import { readLayer } from "./layer.ts";
import { merge, type Patch, withoutNulls } from "./merge.ts";
import { type Config, schema } from "./schema.ts";
import { loadText } from "./testing.ts";

const word = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/);
const line = fc
  .string({ unit: "grapheme" })
  .filter((text) => /\S/.test(text) && !/[\p{Cc}\p{Cs}\u2028\u2029\ufeff]/u.test(text));
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

/** Layers as the reader returns them, with nulls. */
const patch: fc.Arbitrary<Patch> = fc
  .record({
    hostname: maybe(fc.option(word)),
    run_cmd: maybe(fc.option(fc.array(word, { maxLength: 2 }))),
    k3os: maybe(
      fc.record(
        { token: fc.option(word), labels: fc.option(fc.dictionary(word, word, { maxKeys: 2 })) },
        { requiredKeys: [] },
      ),
    ),
  })
  .map((value) => JSON.parse(JSON.stringify(value)));

const config: fc.Arbitrary<Config> = fc
  .record({
    hostname: maybe(word),
    run_cmd: maybe(fc.array(line, { maxLength: 3 })),
    write_files: maybe(
      fc.array(fc.record({ path: word.map((name) => `/${name}`), content: fc.option(line, { nil: "" }) }), {
        maxLength: 2,
      }),
    ),
    k3os: maybe(
      fc
        .record({
          token: maybe(fc.constantFrom("0123", "1e3", "null", "~", "true", "K10::x", "#a", "'", "-", "yes")),
          password: maybe(line),
          labels: maybe(fc.dictionary(word, fc.constantFrom("", "1", "1.10", "true", "no", "null"), { maxKeys: 3 })),
          environment: maybe(fc.dictionary(word, line, { maxKeys: 3 })),
        })
        .map((value) => ({ server_url: "https://a", ...value })),
    ),
  })
  .map((value) => JSON.parse(JSON.stringify(value)));

describe("merging", () => {
  it("is associative", () => {
    fc.assert(
      fc.property(patch, patch, patch, (a, b, c) => {
        expect(merge(a, merge(b, c, schema), schema)).toEqual(merge(merge(a, b, schema), c, schema));
      }),
    );
  });

  it("is idempotent, and nothing is its neutral element", () => {
    fc.assert(
      fc.property(patch, patch, (a, b) => {
        expect(merge(a, a, schema)).toEqual(a);
        expect(merge({}, a, schema)).toEqual(a);
        expect(merge(a, {}, schema)).toEqual(a);
        expect(merge(merge(a, b, schema), b, schema)).toEqual(merge(a, b, schema));
        expect(withoutNulls(withoutNulls(a, schema), schema)).toEqual(withoutNulls(a, schema));
      }),
    );
  });
});

it("a config survives being written and read", () => {
  fc.assert(
    fc.property(config, (value) => {
      const loaded = loadText(toYaml(value), "system", { strict: true });
      expect(loaded.problems).toEqual([]);
      expect(loaded.config).toEqual(value);
      expect(loadText(toYaml(redact(value)), "system").rejected).toEqual([]);
    }),
  );
});

it("so does a text of many lines that can only be written in quotes", () => {
  const content = "\0 some program that is long enough to be spread over lines by whoever writes it\n  a\n \n b: c\n";
  const value: Config = { write_files: [{ path: "/a", content }] };
  expect(loadText(toYaml(value), "system").config).toEqual(value);
});

describe("whatever the text is", () => {
  const SEED = `#cloud-config
hostname: node-1
ssh_authorized_keys: [github:a, &k "ssh-rsa AAAA"]
write_files:
- { path: /etc/a, content: !!binary aGk=, permissions: 0600, owner: a:b, encoding: gz+b64 }
- path: /etc/b
  content: |
    text
run_cmd: ["a", *k]
k3os:
  token: 'a'
  labels: { a.b/c: 1, <<: { x: y } }
  sysctls: { kernel.printk: "4 4" } # note
  taints: [a=b:NoSchedule]
  k3s_args: [server, "--a b"]
`;
  const LINE = `BOOT=/a quiet hostname=a k3os.labels[a.b]=c "k3os.modules=a b=1" k3os.sysctl.a.b=1 run_cmd='x "y"' k3os.mode=live\n`;
  const piece = fc.oneof(
    fc.constantFrom(
      ..."[]{}:,-?&*!|>'\"%@`#\n\t =.~\0\\\r",
      "\n  ",
      "---\n",
      "<<",
      "k3os",
      "null",
      "!!binary",
      "\ud800",
      "&k",
      "*k",
      "é",
    ),
    fc.string({ maxLength: 3 }),
  );
  /** Replaces random pieces of the text, several times. */
  const mutated = (seed: string) =>
    fc.array(fc.tuple(fc.nat(), fc.nat(12), piece), { minLength: 1, maxLength: 6 }).map((edits) =>
      edits.reduce((text, [at, cut, put]) => {
        const from = at % (text.length + 1);
        return text.slice(0, from) + put + text.slice(from + cut);
      }, seed),
    );
  const cases: [LayerKind, fc.Arbitrary<string>][] = [
    ["system", mutated(SEED)],
    ["userdata", mutated(SEED)],
    ["cluster", mutated(SEED)],
    ["cluster", mutated(SEED.replace("hostname: node-1\n", "").replace("  token: 'a'\n", "").replace("server, ", ""))],
    ["metadata", mutated("instance-id: a\nlocal-hostname: b\npublic-keys: { a: ssh-rsa }\n")],
    ["cmdline", mutated(LINE)],
    ["hostname", fc.string({ unit: "binary" })],
    ["authorized-keys", fc.string({ unit: "binary" })],
    ["system", fc.string({ unit: "binary" })],
  ];
  it.each(cases)("as %s it is never thrown about, and every problem has a place in it", (kind, texts) => {
    fc.assert(
      fc.property(texts, (text) => {
        const layer = { name: "x", kind, text };
        const { config: loaded, problems, rejected } = load([layer], { strict: true });
        const lines = text.split("\n");
        for (const { line: row, column, message } of problems) {
          expect(row).toBeGreaterThanOrEqual(1);
          expect(row).toBeLessThanOrEqual(lines.length);
          expect(column).toBeGreaterThanOrEqual(1);
          expect(column).toBeLessThanOrEqual((lines[row - 1]?.length ?? 0) + 1);
          expect(message).not.toBe("");
        }
        expect(rejected.length).toBe(problems.some(({ severity }) => severity === "error") ? 1 : 0);
        plan(loaded, { mode: "live", version: "1" });
        // A config that is accepted without problems can be written and read again.
        if (problems.length === 0) expect(loadText(toYaml(loaded)).config).toEqual(loaded);
        readLayer(layer);
      }),
      { numRuns: 50 },
    );
  });
});
