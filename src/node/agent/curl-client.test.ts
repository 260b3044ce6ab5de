import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ApiServer, type Exchange, serveApi } from "../../../test/support/api-server.ts";
import { type Authority, authorityIn, type Certificate } from "../../../test/support/certificates.ts";
import type { SpawnOptions } from "../../host/host.ts";
import { memoryHost } from "../../host/memory.ts";
import { nodeHost } from "../../host/node.ts";
import { adminAccess, kubeletAccess } from "../health/api.ts";
import { FILES, settingsOf } from "../health/testing.ts";
import { curlClient } from "./curl-client.ts";

describe("what curl is told", () => {
  const secret = "hidden";
  const asked = async (ask: (client: ReturnType<typeof curlClient>) => Promise<unknown>, stdout = "{}\n200 ") => {
    let options: SpawnOptions = {};
    const host = memoryHost({
      files: FILES,
      programs: {
        curl: (_, given) => {
          options = given;
          return { stdout };
        },
      },
    });
    const answer = await ask(curlClient(host, () => kubeletAccess(host)));
    return { answer, settings: settingsOf(options), ran: host.ran.flat().join(" ") };
  };

  it("is nothing of the request in ps", async () => {
    const { ran } = await asked((client) => client.post("/x?token=hidden", { secret }));
    expect(ran).toBe("curl --silent --show-error --config -");
  });

  it("is a merge patch as it is, and an applied one as the field manager k3os", async () => {
    const merge = await asked((client) => client.patch("/x", { a: 'q"\\\n' }, "merge"));
    expect(merge.settings).toMatchObject({
      url: "https://127.0.0.1:6443/x",
      request: "PATCH",
      header: "Content-Type: application/merge-patch+json",
      "user-agent": "k3os",
    });
    const apply = await asked((client) => client.patch("/x?fieldValidation=Strict", {}, "apply"));
    expect(apply.settings).toMatchObject({
      url: "https://127.0.0.1:6443/x?fieldValidation=Strict&fieldManager=k3os&force=true",
      header: "Content-Type: application/apply-patch+yaml",
    });
  });

  it("is nothing before k3s has made credentials", async () => {
    const host = memoryHost();
    const answer = await curlClient(host, () => kubeletAccess(host)).get("/x");
    expect(answer).toEqual({ status: 0, body: undefined, reason: "k3s has made no credentials yet" });
    expect(host.ran).toEqual([]);
  });

  it.each([
    ["{}\n200 ", { status: 200, body: {}, reason: "" }],
    ["no json\n200 ", { status: 0, body: undefined, reason: "The API says 200, and what follows is no JSON." }],
    ["", { status: 0, body: undefined, reason: "The API says 0, and what follows is no JSON." }],
    ["no json\n502 ", { status: 502, body: undefined, reason: "The API says 502." }],
    [
      '{"message":"it is not there"}\n404 ',
      { status: 404, body: { message: "it is not there" }, reason: "The API says 404: it is not there" },
    ],
    ["\n429 7", { status: 429, body: undefined, reason: "The API says 429.", retryAfterMs: 7000 }],
    ["\n429 Wed, 21 Oct 2026 07:28:00 GMT", { status: 429, body: undefined, reason: "The API says 429." }],
    [
      '{"details":{"retryAfterSeconds":2}}\n429 ',
      { status: 429, body: { details: { retryAfterSeconds: 2 } }, reason: "The API says 429.", retryAfterMs: 2000 },
    ],
  ])("and what it says, %j, is an answer", async (stdout, answer) => {
    expect((await asked((client) => client.get("/x"), stdout)).answer).toEqual(answer);
  });

  it("may fail, or not be there: that is an answer, too", async () => {
    const access = { server: "https://s", authority: "/a", certificate: "/c", key: "/k" };
    const failing = memoryHost({ programs: { curl: () => ({ status: 7, stderr: "curl: (7) no route\n" }) } });
    expect(await curlClient(failing, () => access).get("/x")).toMatchObject({
      status: 0,
      reason: "The API does not answer: no route.",
    });
    expect(await curlClient(memoryHost(), () => access).get("/x")).toMatchObject({ status: 0 });
    const unreadable = () => {
      throw new Error("no such file");
    };
    expect(await curlClient(failing, unreadable).get("/x")).toMatchObject({ status: 0, reason: "Error: no such file" });
  });
});

describe("the administrator's access", () => {
  const data = (text: string) => Buffer.from(text).toString("base64");
  const kubeconfig = (key: string) => `clusters:
- cluster:
    certificate-authority-data: ${data("authority")}
    server: https://127.0.0.1:6443
users:
- user:
    client-certificate-data: ${data("certificate")}
    client-key-data: ${data(key)}
`;

  it("is written out for root alone, and again when k3s has renewed it", () => {
    const host = memoryHost({ files: { "/etc/rancher/k3s/k3s.yaml": kubeconfig("one") } });
    const access = adminAccess(host);
    if (access === undefined) throw new Error("no access");
    expect(access.server).toBe("https://127.0.0.1:6443");
    const { authority, certificate, key } = access;
    expect([authority, certificate, key].map(host.readText)).toEqual(["authority", "certificate", "one"]);
    expect([authority, certificate, key].map((path) => host.stat(path)?.mode)).toEqual([0o600, 0o600, 0o600]);
    expect(host.stat("/run/k3os/admin")?.mode).toBe(0o700);
    host.write("/etc/rancher/k3s/k3s.yaml", kubeconfig("two"));
    expect(adminAccess(host)).toEqual(access);
    expect(host.readText(key)).toBe("two");
  });

  it("is none on an agent", () => {
    expect(adminAccess(memoryHost({ files: FILES }))).toBeUndefined();
  });
});

describe("by the real curl", { timeout: 30_000 }, () => {
  let directory: string;
  let authority: Authority;
  let kubelet: Certificate;
  let server: ApiServer;
  const limits = { connectSeconds: 0.3, requestSeconds: 1, answerBytes: 100_000 };
  const client = (over: Partial<Certificate & { authority: string }> = {}) =>
    curlClient(nodeHost, () => ({ server: server.url, authority: authority.certificate, ...kubelet, ...over }), limits);

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "k3os-client-"));
    authority = authorityIn(directory, "authority");
    kubelet = authority.issue("kubelet", "/O=system:nodes/CN=system:node:a");
    server = await serveApi(authority, authority.issue("server", "/CN=server"));
  });
  afterAll(async () => {
    await server.goAway();
    rmSync(directory, { recursive: true });
  });

  it("every kind of request arrives as it was meant, over HTTP/2, as the node", async () => {
    const body = { text: 'grüße "\\ \n\t\r @#', list: [1, null] };
    const seen = async (path: string, ask: Promise<unknown>): Promise<Exchange> => {
      const exchange = await server.next(path);
      exchange.answer(200, body);
      expect(await ask).toEqual({ status: 200, body, reason: "" });
      return exchange;
    };
    const waits = async (path: string, ask: () => Promise<unknown>) => seen(path, Promise.resolve().then(ask));
    expect(await waits("/get", () => client().get("/get?a=b%3Dc"))).toMatchObject({
      method: "GET",
      user: "system:node:a",
      httpVersion: "2.0",
    });
    expect(await waits("/post", () => client().post("/post", body))).toMatchObject({
      method: "POST",
      mediaType: "application/json",
      body: JSON.stringify(body),
    });
    const large = { text: "x".repeat(90_000) };
    expect(await waits("/patch", () => client().patch("/patch", large, "merge"))).toMatchObject({
      method: "PATCH",
      mediaType: "application/merge-patch+json",
      body: JSON.stringify(large),
    });
  });

  it("a refusal has its status, its reason and its pause", async () => {
    server.otherwise((exchange) => exchange.answer(429, { message: "too many" }, { "retry-after": "3" }));
    expect(await client().get("/x")).toEqual({
      status: 429,
      body: { message: "too many" },
      reason: "The API says 429: too many",
      retryAfterMs: 3000,
    });
  });

  it("a server that does not go on, one that cuts the connection and one that says too much are no answers", async () => {
    server.otherwise((exchange) => exchange.send('{"a":'));
    expect(await client().get("/x")).toMatchObject({ status: 0, reason: expect.stringContaining("timed out") });
    server.otherwise((exchange) => {
      exchange.send('{"a":');
      exchange.cut();
    });
    expect(await client().get("/x")).toMatchObject({ status: 0, reason: expect.stringContaining("does not answer") });
    server.otherwise((exchange) => exchange.answer(200, { a: "x".repeat(200_000) }));
    expect(await client().get("/x")).toEqual({
      status: 0,
      body: undefined,
      reason: "The API's answer is longer than 100000 bytes.",
    });
  });

  it("a server that another authority has signed gets no request", async () => {
    const other = authorityIn(directory, "other");
    const before = server.requests.length;
    expect(await client({ authority: other.certificate }).get("/x")).toMatchObject({
      status: 0,
      reason: expect.stringContaining("certificate"),
    });
    expect(server.requests.length).toBe(before);
  });

  it("a certificate is read anew for each request", async () => {
    server.otherwise(({ user, answer }) => answer(user === "system:node:a" ? 200 : 401, { message: "who are you?" }));
    const stranger = authorityIn(directory, "stranger").issue("renewed", "/CN=stranger");
    const asked = client(stranger);
    expect(await asked.get("/x")).toMatchObject({ status: 401, reason: "The API says 401: who are you?" });
    const renewed = authority.issue("again", "/O=system:nodes/CN=system:node:a");
    writeFileSync(stranger.certificate, nodeHost.readText(renewed.certificate));
    writeFileSync(stranger.key, nodeHost.readText(renewed.key));
    expect(await asked.get("/x")).toMatchObject({ status: 200 });
  });

  it("a server that is away, or takes connections and says nothing, is no answer in time; afterwards it is one", async () => {
    server.otherwise(({ answer }) => answer(200, {}));
    await server.goAway();
    expect(await client().get("/x")).toMatchObject({ status: 0 });
    await server.goSilent();
    expect(await client().get("/x")).toMatchObject({ status: 0 });
    await server.comeBack();
    expect(await client().get("/x")).toMatchObject({ status: 200 });
  });
});
