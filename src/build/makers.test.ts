import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { MAKERS, type Maker, makerDigests } from "./makers.ts";
import { findProject } from "./project.ts";

let project: string;
let before: Readonly<Record<Maker, string>>;

beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), "makers-"));
  cpSync(join(findProject(), "src"), join(project, "src"), { recursive: true });
  symlinkSync(join(findProject(), "node_modules"), join(project, "node_modules"));
  before = await makerDigests(project, MAKERS);
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

async function changedBy(file: string, edit: (text: string) => string): Promise<string[]> {
  const path = join(project, file);
  const text = readFileSync(path, "utf8");
  writeFileSync(path, edit(text));
  const after = await makerDigests(project, MAKERS);
  writeFileSync(path, text);
  return (Object.keys(MAKERS) as Maker[]).filter((maker) => after[maker] !== before[maker]);
}

it("unpacking belongs to every step that unpacks", async () => {
  const edit = (text: string) => text.replace('"--extract"', '"--vextract"');
  const unpacking = ["tools", "packages", "kernel", "firmware", "bootFirmware", "go"];
  expect((await changedBy("src/build/extract.ts", edit)).sort()).toEqual(unpacking.sort());
});

it("the boot menu of a medium belongs to that medium", async () => {
  const edit = (text: string) => text.replace("Install k3OS to a disk", "Install");
  expect(await changedBy("src/image/grub.ts", edit)).toEqual(["iso"]);
});

it("comments are no part of a maker", async () => {
  expect(await changedBy("src/build/extract.ts", (text) => `// Another comment.\n${text}`)).toEqual([]);
});
