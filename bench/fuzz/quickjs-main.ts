import { exit } from "qjs:std";
import { quickjsHost } from "../../src/host/quickjs.ts";
import { fuzz, type Seed } from "./fuzz.ts";

/** The program that `quickjs.ts` runs in QuickJS: `SEEDS.json SEED FROM TO`. Prints the result as JSON. */
const [, file = "", seed, from, to] = scriptArgs;
const seeds = JSON.parse(quickjsHost().readText(file)) as Seed[];
console.log(JSON.stringify(fuzz(seeds, { seed: Number(seed), from: Number(from), to: Number(to) })));
exit(0);
