import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, it } from "vitest";

const project = join(import.meta.dirname, "..");
const docs = join(project, "docs");

/** The text without blocks of code, whose brackets are no links; lines keep their numbers. */
function prose(text: string): string {
  return text.replace(/^ *(```|~~~).*?^ *\1$/gms, (block) => block.replace(/[^\n]/g, ""));
}

/** What GitHub makes of a heading: small letters, digits, `-` and `_`; a repeated one gets a number. */
function anchors(text: string): Set<string> {
  const found = new Set<string>();
  for (const [, heading = ""] of prose(text).matchAll(/^#{1,6} +(.+?) *$/gm)) {
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const anchor = words.replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-");
    let unique = anchor;
    for (let number = 1; found.has(unique); number++) unique = `${anchor}-${number}`;
    found.add(unique);
  }
  return found;
}

/** Why a link of `file` leads nowhere, or undefined. A link to another site is not looked at. */
function whatIsWrong(file: string, target: string): string | undefined {
  if (/^[a-z]+:/.test(target)) return undefined;
  const [path = "", anchor] = target.split("#");
  const place = path === "" ? file : join(dirname(file), path);
  if (!existsSync(place)) return "there is no such file";
  if (anchor === undefined || anchors(readFileSync(place, "utf8")).has(anchor)) return undefined;
  return "there is no such heading";
}

it("every relative link of the documentation leads to a file and a heading", () => {
  const pages = readdirSync(docs, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".md"));
  const files = [join(project, "README.md"), join(project, "CHANGELOG.md"), ...pages.map((name) => join(docs, name))];
  const broken = files.flatMap((file) =>
    prose(readFileSync(file, "utf8"))
      .split("\n")
      .flatMap((line, index) =>
        [...line.replace(/`[^`]*`(?!\])/g, "").matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = ""]) => {
          const reason = whatIsWrong(file, target);
          return reason === undefined ? [] : [`${relative(project, file)}:${index + 1} ${target}: ${reason}`];
        }),
      ),
  );
  expect(broken).toEqual([]);
});
