import { exit } from "qjs:std";
import { quickjsHost } from "../../host/quickjs.ts";
import { curlClient } from "./curl-client.ts";
import { WATCH_LIMITS } from "./transfers.ts";
import { watchResources } from "./watch.ts";

/**
 * The program that `quickjs.test.ts` runs in QuickJS: watches /apples and /pears, and prints what it knows whenever
 * that changes. It answers the first object of /pears by a patch, and ends when the object `end` comes.
 */
async function follow(server: string, authority: string, certificate: string, key: string): Promise<number> {
  const host = quickjsHost();
  const credentials = () => ({ server, authority, certificate, key });
  const client = curlClient(host, credentials);
  const resources = { apples: { path: "/apples" }, pears: { path: "/pears" } };
  const limits = { ...WATCH_LIMITS, slackSeconds: 0 };
  const patience = { firstMs: 10, mostMs: 40, healthyMs: 60_000 };
  const watch = watchResources(host, client, credentials, resources, { limits, patience });
  for (;;) {
    if (!(await watch.next(20_000))) return 1;
    const [apples, pears] = [watch.objects<Fruit>("apples"), watch.objects("pears")];
    const words = [...apples].map(([name, { text = "" }]) => `${name}:${text.length}`);
    console.log(`${watch.isSynced()} ${words.sort().join()} ${watch.trouble() ?? ""}`);
    if (pears.has("end")) break;
  }
  const { status } = await client.patch("/pears/end/status", { text: "grün" }, "merge");
  await watch.stop();
  return status === 200 ? 0 : 1;
}

interface Fruit {
  readonly metadata: { readonly name: string };
  readonly text?: string;
}

const [, server = "", authority = "", certificate = "", key = ""] = scriptArgs;
follow(server, authority, certificate, key).then(exit);
