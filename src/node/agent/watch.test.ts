import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type ApiServer, type Exchange, serveApi } from "../../../test/support/api-server.ts";
import { type Authority, authorityIn, type Certificate } from "../../../test/support/certificates.ts";
import { type Host, HostError } from "../../host/host.ts";
import { type MemoryHost, memoryHost, type Program } from "../../host/memory.ts";
import { nodeHost } from "../../host/node.ts";
import type { ApiAccess } from "../health/api.ts";
import { curlClient } from "./curl-client.ts";
import { WATCH_LIMITS } from "./transfers.ts";
import { type Watch, watchResources } from "./watch.ts";
import type { Patience } from "./watch-state.ts";

const LIMITS = { ...WATCH_LIMITS, connectSeconds: 0.3, slackSeconds: 0 };
const PATIENCE: Patience = { firstMs: 10, mostMs: 40, healthyMs: 60_000 };

const REQUEST_LIMITS = { connectSeconds: 0.3, requestSeconds: 2, answerBytes: 16 * 1024 * 1024 };

const object = (name: string, version: number, more = {}) => ({
  metadata: { name, resourceVersion: `${version}` },
  ...more,
});
const event = (type: string, name: string, version: number, more = {}) =>
  `${JSON.stringify({ type, object: object(name, version, more) })}\n`;

describe("a watch by a curl of a test", () => {
  const access: ApiAccess = { server: "https://s", authority: "/a", certificate: "/c", key: "/secret" };
  const listed = {
    "https://s/apples?resourceVersion=0": { metadata: { resourceVersion: "7" }, items: [object("red", 5)] },
  };

  /** A host whose curl lists, and watches as `watching` says; a watch is known by its output. */
  function host(watching: (output: string, config: string, host: MemoryHost) => ReturnType<Program>) {
    const run: Program = (_, options) => {
      const config = String(options.input);
      const output = /^output = "(.*)"$/m.exec(config)?.[1];
      if (output !== undefined) return watching(output, config, memory);
      const url = /^url = "(.*)"$/m.exec(config)?.[1] ?? "";
      const body = (listed as Record<string, unknown>)[url];
      return { stdout: body === undefined ? "\n404 " : `${JSON.stringify(body)}\n\n200 ` };
    };
    const memory: MemoryHost = memoryHost({ programs: { curl: run, sh: run } });
    return memory;
  }
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  function started(memory: Host, limits = LIMITS, onSleep = (_: number) => {}): Watch<"apples"> {
    // Its pauses take a turn of the event loop, and no time.
    const sleep: Host["sleep"] = (milliseconds) => {
      onSleep(milliseconds);
      return turn();
    };
    const calm = { ...memory, sleep };
    const credentials = () => access;
    return watchResources(
      calm,
      curlClient(calm, credentials),
      credentials,
      { apples: { path: "/apples" } },
      { limits },
    );
  }
  const forever = () => new Promise<never>(() => {});
  async function until(watch: Watch<"apples">, condition: () => boolean): Promise<void> {
    for (let round = 0; !condition(); round++) {
      if (round > 10_000) throw new Error(`it says ${watch.trouble()}`);
      await turn();
    }
  }

  it("tells ps nothing, and lets curl look at its clock once a minute", async () => {
    const memory = host(forever);
    const watch = started(memory, WATCH_LIMITS);
    await until(watch, () => memory.ran.length === 2);
    await watch.stop();
    const [command = []] = memory.ran.slice(1);
    expect(command.slice(0, 4)).toEqual(["sh", "-c", 'echo "$0" >/proc/self/timerslack_ns; exec "$@"', "60000000000"]);
    expect(command.join(" ")).not.toMatch(/apples|secret/);
  });

  it("takes what is told while curl runs", async () => {
    const memory = host((output, config, self) => {
      expect(config).toContain(
        'url = "https://s/apples?watch=1&allowWatchBookmarks=true&resourceVersion=7&timeoutSeconds=',
      );
      self.append(output, event("ADDED", "green", 8));
      return forever();
    });
    const watch = started(memory);
    await until(watch, () => watch.objects("apples").size === 2);
    await watch.stop();
    expect(watch.trouble()).toBeUndefined();
  });

  it("takes what was told before an end, although it is read after it", async () => {
    const last = [
      event("ADDED", "green", 8) + event("ADDED", "blue", 9),
      '{"type":"ERROR","object":{"kind":"Status","code":410}}\n',
      '{"kind":"Status","code":403,"message":"not you"}\n',
    ];
    const versions: (string | undefined)[] = [];
    const memory = host((output, config, self) => {
      versions.push(/resourceVersion=(\d+)/.exec(config)?.[1]);
      self.append(output, last.shift() ?? "");
      return { stderr: `k3os-end 0 ${versions.length === 3 ? 403 : 200} 0 [] \n` };
    });
    const openPipe: Host["openPipe"] = (receive) => {
      const held: Uint8Array[] = [];
      const { path, close } = memory.openPipe((chunk) => held.push(chunk));
      const readLate = async () => {
        for (const chunk of held.splice(0)) receive(chunk);
        await close();
      };
      return { path, close: readLate };
    };
    const watch = started({ ...memory, openPipe });
    await until(watch, () => watch.trouble() === "The API says 403: not you");
    await watch.stop();
    expect(versions.slice(0, 3)).toEqual(["7", "9", "7"]);
    expect([...watch.objects("apples").keys()]).toEqual(["red"]);
  });

  it("says why curl did not do its work: it is missing, it cannot be started, it does not understand", async () => {
    const trouble = async (memory: Host) => {
      const watch = started(memory);
      await until(watch, () => watch.trouble() !== undefined);
      await watch.stop();
      return watch.trouble();
    };
    expect(await trouble(host(() => ({ status: 2, stderr: "curl: option --http2: unknown\n" })))).toBe(
      "curl ended with status 2: curl: option --http2: unknown.",
    );
    expect(await trouble(host(() => ({ status: 127 })))).toBe("curl ended with status 127.");
    const full = host(forever);
    const spawn: Host["spawn"] = (argv, options) => {
      if (argv.includes("--parallel")) throw new HostError("EIO", "start", "curl");
      return full.spawn(argv, options);
    };
    expect(await trouble({ ...full, spawn })).toBe("start curl: EIO");
  });

  it("ends watches of which nothing comes, before curl does", async () => {
    const memory = host(forever);
    let now = 0;
    const watch = started({ ...memory, monotonic: () => now }, LIMITS, (milliseconds) => {
      now += milliseconds;
    });
    await until(watch, () => watch.trouble() === "The API does not answer: nothing has come for 150 seconds.");
    expect(now).toBeLessThanOrEqual(185_000);
    await watch.stop();
  });

  it("waits longer from failure to failure", async () => {
    const memory = host(() => ({ status: 7 }));
    const at: number[] = [];
    const watch = started(memory, { ...LIMITS, silenceSeconds: 1e6 }, (milliseconds) => {
      // The others are those between two looks for silence.
      if (milliseconds < 1e6) at.push(milliseconds);
    });
    while (at.length < 10) await turn();
    await watch.stop();
    for (const [index, pause] of at.slice(0, 10).entries()) {
      const length = Math.min(1000 * 2 ** index, 60_000);
      expect(pause).toBeGreaterThanOrEqual(length / 2);
      expect(pause).toBeLessThanOrEqual(length * 1.5);
    }
  });
});

// Generous, because other work may slow this machine down.
describe("a watch by the real curl", { timeout: 30_000 }, () => {
  let directory: string;
  let authority: Authority;
  let kubelet: Certificate;
  let identity: Certificate;
  let server: ApiServer;
  let watch: Watch<"apples" | "pears">;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "k3os-watch-"));
    authority = authorityIn(directory, "authority");
    kubelet = authority.issue("kubelet", "/O=system:nodes/CN=system:node:a");
    identity = authority.issue("server", "/CN=server");
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  /** What the server lists; watches wait for the test. */
  let lists: Record<string, { version: number; items: ReturnType<typeof object>[] }>;
  /** Watches that are open, by what they watch; the newest of each. */
  let open: Record<string, Exchange>;
  let opened: (() => void)[];
  /** Whoever the server talks to. */
  let isWelcome: (exchange: Exchange) => boolean;

  beforeEach(async () => {
    server = await serveApi(authority, identity);
    lists = { "/apples": { version: 10, items: [object("red", 5)] }, "/pears": { version: 12, items: [] } };
    open = {};
    opened = [];
    isWelcome = () => true;
    server.otherwise((exchange) => {
      const list = lists[exchange.path];
      if (!isWelcome(exchange)) return exchange.answer(401, { kind: "Status", code: 401, message: "who are you?" });
      if (list === undefined) return exchange.answer(404, { kind: "Status", code: 404, message: "not found" });
      if (exchange.query.get("watch") === null) {
        return exchange.answer(200, { metadata: { resourceVersion: `${list.version}` }, items: list.items });
      }
      exchange.send("");
      open[exchange.path] = exchange;
      for (const tell of opened.splice(0)) tell();
    });
  });
  afterEach(async () => {
    await watch.stop();
    await server.goAway();
  });

  const access = (): ApiAccess => ({ server: server.url, authority: authority.certificate, ...kubelet });
  function start(
    limits: Partial<typeof LIMITS> = {},
    credentials: () => ApiAccess | undefined = access,
    patience = PATIENCE,
  ): void {
    watch = watchResources(
      nodeHost,
      curlClient(nodeHost, credentials, REQUEST_LIMITS),
      credentials,
      { apples: { path: "/apples" }, pears: { path: "/pears", query: "x=y" } },
      { limits: { ...LIMITS, ...limits }, patience },
    );
  }
  /** Waits until the watch says what is asked for. */
  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await watch.next(10_000);
  }
  /** Waits until both watches are open anew. */
  async function bothOpen(): Promise<void> {
    const { ...old } = open;
    const isOld = (path: string) => open[path] === old[path];
    while (isOld("/apples") || isOld("/pears")) await new Promise<void>((resolve) => opened.push(resolve));
  }
  const apples = () => [...watch.objects("apples").keys()].sort().join();
  const since = (path: string) => open[path]?.query.get("resourceVersion");
  const send = (path: string, text: string | Uint8Array) => open[path]?.send(text);

  it("lists, watches from there over one connection, and tells what changes", async () => {
    start();
    await bothOpen();
    const before = server.connections();
    expect([watch.isSynced(), apples(), watch.trouble()]).toEqual([true, "red", undefined]);
    expect(watch.changed()).toBe(true);
    expect(watch.changed()).toBe(false);
    expect(server.requests.slice(0, 2)).toEqual(["GET /apples?resourceVersion=0", "GET /pears?x=y&resourceVersion=0"]);
    expect([since("/apples"), since("/pears"), open["/apples"]?.httpVersion]).toEqual(["10", "12", "2.0"]);
    expect(Number(open["/apples"]?.query.get("timeoutSeconds"))).toBeGreaterThanOrEqual(300);
    send("/apples", event("ADDED", "green", 13));
    await until(() => apples() === "green,red");
    send("/pears", event("ADDED", "green", 14));
    await until(() => watch.objects("pears").size === 1);
    send("/apples", event("DELETED", "red", 15) + event("MODIFIED", "green", 16, { worm: true }));
    await until(() => apples() === "green");
    await until(() => "worm" in (watch.objects("apples").get("green") ?? {}));
    expect(server.connections()).toBe(before);
  });

  it("starts all watches where they were when one of them ends, and lists nothing again", async () => {
    start();
    await bothOpen();
    send("/apples", event("MODIFIED", "red", 20));
    await until(() => watch.objects("apples").get("red")?.metadata.resourceVersion === "20");
    const again = bothOpen();
    send("/pears", '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"30"}}}\n');
    open["/pears"]?.end();
    await again;
    expect([since("/apples"), since("/pears"), watch.trouble()]).toEqual(["20", "30", undefined]);
    expect(server.requests.filter((request) => request.includes("resourceVersion=0"))).toHaveLength(2);
  });

  it("lists again what is too old, and drops what is gone", async () => {
    start();
    for (const end of [
      () => send("/apples", '{"type":"ERROR","object":{"kind":"Status","code":410}}\n'),
      () => open["/apples"]?.end(),
    ]) {
      await bothOpen();
      lists["/apples"] = { version: 40, items: [object("yellow", 39)] };
      end();
      if (apples() === "yellow") continue;
      await until(() => apples() === "yellow");
    }
    expect(server.requests.filter((request) => request === "GET /pears?x=y&resourceVersion=0")).toHaveLength(1);
  });

  it("lists again when the server answers a watch with 410", async () => {
    start();
    const first = server.next("/apples");
    (await first).answer(200, { metadata: { resourceVersion: "1" }, items: [] });
    const second = await server.next("/apples");
    second.answer(410, { kind: "Status", code: 410, message: "too old" });
    await until(() => apples() === "red");
  });

  it("keeps characters whole, and drops half of a line when the connection is cut", async () => {
    start();
    await bothOpen();
    const text = "grün😀".repeat(20_000);
    const bytes = Buffer.from(event("ADDED", "green", 20, { text }));
    for (let at = 0; at < bytes.length; at += 9973) send("/apples", bytes.subarray(at, at + 9973));
    await until(() => apples() === "green,red");
    expect(watch.objects<{ metadata: { name: string }; text: string }>("apples").get("green")?.text).toBe(text);
    const again = bothOpen();
    // The half must have arrived before the cut, or it says nothing: the other watch is asked meanwhile.
    send("/apples", event("ADDED", "blue", 21).slice(0, 30));
    send("/pears", event("ADDED", "blue", 21));
    await until(() => watch.objects("pears").size === 1);
    open["/apples"]?.cut();
    await again;
    expect([since("/apples"), since("/pears")]).toEqual(["20", "21"]);
    send("/apples", event("ADDED", "blue", 21));
    await until(() => apples() === "blue,green,red");
    expect(watch.trouble()).toBeUndefined();
  });

  it("gives up a line that is too long, says so, and lists", async () => {
    start({ lineBytes: 50_000 });
    await bothOpen();
    lists["/apples"] = { version: 50, items: [object("huge", 49)] };
    const again = bothOpen();
    send("/apples", event("ADDED", "huge", 49, { text: "x".repeat(60_000) }));
    await until(() => watch.trouble() === "The watch of /apples has a line of more than 50000 bytes.");
    await again;
    expect([apples(), since("/apples"), since("/pears"), watch.trouble()]).toEqual(["huge", "50", "12", undefined]);
  });

  it("ends a watch of which nothing comes", async () => {
    start({ silenceSeconds: 1 });
    await bothOpen();
    await until(() => watch.trouble()?.startsWith("The API does not answer: ") ?? false);
  });

  it("ends a watch whose bytes never make a line", async () => {
    start({ lifeSeconds: [1, 1], graceSeconds: 0 });
    await bothOpen();
    let isDripping = true;
    const drip = async () => {
      for (; isDripping; await nodeHost.sleep(20)) send("/apples", "x");
    };
    const dripped = drip();
    await until(() => watch.trouble()?.includes("timed out") ?? false);
    isDripping = false;
    await dripped;
    expect(apples()).toBe("red");
  });

  it("waits as long as a server asks that has too much to do", async () => {
    start({}, access, { ...PATIENCE, mostMs: 2000 });
    const before = nodeHost.monotonic();
    (await server.next("/apples")).answer(429, "", { "retry-after": "1" });
    await until(() => watch.isSynced());
    expect(nodeHost.monotonic() - before).toBeGreaterThan(900);
    expect(watch.trouble()).toBeUndefined();
  });

  it("says that nobody knows it, and goes on when the certificate was renewed", async () => {
    const own = authority.issue("own", "/O=system:nodes/CN=system:node:a");
    const renewed = authority.issue("renewed", "/O=system:nodes/CN=system:node:b");
    start({}, () => ({ ...access(), ...own }));
    await bothOpen();
    isWelcome = ({ user }) => user === "system:node:b";
    open["/apples"]?.end();
    await until(() => watch.trouble() === "The API says 401: who are you?");
    const again = bothOpen();
    copyFileSync(renewed.key, own.key);
    copyFileSync(renewed.certificate, own.certificate);
    await again;
    send("/apples", event("ADDED", "green", 20));
    await until(() => apples() === "green,red" && watch.trouble() === undefined);
  });

  it("does not speak to a server of another authority, nor before there are credentials", async () => {
    const other = authorityIn(directory, "other");
    let found: ApiAccess | undefined;
    start({}, () => found);
    await until(() => watch.trouble() === "k3s has made no credentials yet");
    found = { ...access(), authority: other.certificate };
    await until(() => watch.trouble()?.includes("certificate") ?? false);
    expect(server.requests).toEqual([]);
    found = access();
    await until(() => watch.isSynced() && watch.trouble() === undefined);
  });

  it("outlives a server that is away, one that takes connections and says nothing, and knows what it knew", async () => {
    start();
    await bothOpen();
    await server.goAway();
    await until(() => watch.trouble()?.startsWith("The API does not answer: ") ?? false);
    await server.goSilent();
    const connections = server.connections();
    await until(() => server.connections() > connections);
    expect([apples(), watch.isSynced()]).toEqual(["red", true]);
    const again = bothOpen();
    await server.comeBack();
    await again;
    expect([since("/apples"), since("/pears")]).toEqual(["10", "12"]);
    send("/apples", event("DELETED", "red", 20));
    await until(() => apples() === "" && watch.trouble() === undefined);
  });

  it("says what cannot be understood, and lists", async () => {
    start();
    await bothOpen();
    const again = bothOpen();
    send("/apples", "<html>\n");
    await until(() => watch.trouble() === "The watch of /apples tells what is no event.");
    await again;
    expect(server.requests.filter((request) => request === "GET /apples?resourceVersion=0")).toHaveLength(2);
  });

  it("says why a resource cannot be listed", async () => {
    lists = {};
    start();
    await until(() => watch.trouble() === "The API says 404: not found");
    expect(watch.isSynced()).toBe(false);
  });

  it("waits in vain for changes, and no longer than it is told", async () => {
    start();
    await bothOpen();
    watch.changed();
    expect(await watch.next(20)).toBe(false);
  });
});
