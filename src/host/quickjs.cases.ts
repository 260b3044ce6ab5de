import { exit } from "qjs:std";
import { hostCases, quickjsCases } from "./host.cases.ts";
import { quickjsHost } from "./quickjs.ts";

/** The program that `quickjs.test.ts` runs in QuickJS: every case of the suite, in the directory given. Prints TAP. */
async function runCases(dir: string): Promise<number> {
  const host = quickjsHost();
  const cases = [...hostCases, ...quickjsCases];
  let failed = 0;
  for (const [index, { name, run }] of cases.entries()) {
    const work = `${dir}/${index}`;
    host.mkdir(work);
    try {
      await run(host, work);
      console.log(`ok ${index + 1} - ${name}`);
    } catch (error) {
      failed++;
      console.log(`not ok ${index + 1} - ${name}: ${error}`);
    }
  }
  console.log(`1..${cases.length}`);
  return failed === 0 ? 0 : 1;
}

runCases(scriptArgs[1] ?? "/tmp").then(exit);
