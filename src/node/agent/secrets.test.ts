import { describe, expect, it } from "vitest";
import { machineConfig } from "../../management/testing.ts";
import { newMemory } from "./memory.ts";
import { memoryApi } from "./memory-api.ts";
import { readSecrets } from "./secrets.ts";

const MINUTE = 60_000;
const PLACE = "/api/v1/namespaces/k3os-system/secrets";
const naming = (...names: string[]) =>
  machineConfig(
    "20-mirror",
    {},
    { secrets: names.map((name) => ({ path: "k3os.environment.A", secretKeyRef: { name, key: "a" } })) },
  );

function world() {
  const api = memoryApi();
  const asked: string[] = [];
  const client = api.client("a", {
    before: async ({ path }) => {
      asked.push(path.slice(PLACE.length + 1));
      return undefined;
    },
  });
  const memory = newMemory();
  const put = (name: string, data: object) => api.put(`${PLACE}/${name}`, { metadata: { name }, ...{ data } });
  const read = (minutes: number, ...names: string[]) =>
    readSecrets(client, memory, [naming(...names)], {}, minutes * MINUTE);
  return { api, asked, client, memory, put, read };
}

describe("Secrets that MachineConfigs name", () => {
  it("are read by their names, as text", async () => {
    const { put, read } = world();
    put("one", { a: "aHVudGVyMg==", binary: "/w==" });
    expect([...(await read(0, "one"))]).toEqual([["one", { version: expect.any(String), data: { a: "hunter2" } }]]);
  });

  it("are read again after five minutes, and when there are others", async () => {
    const { put, read, asked } = world();
    put("one", { a: "MQ==" });
    put("two", { a: "Mg==" });
    await read(0, "one");
    await read(4, "one");
    expect(asked).toEqual(["one"]);
    put("one", { a: "Mw==" });
    expect((await read(5, "one")).get("one")).toMatchObject({ data: { a: "3" } });
    await read(6, "one", "two");
    expect(asked).toEqual(["one", "one", "one", "two"]);
  });

  it("are read at once for a MachineConfig that has changed, and for a key that is missing", async () => {
    const { put, client, memory, asked } = world();
    put("one", { b: "MQ==" });
    const config = naming("one");
    const read = (generation: number) => {
      const changed = { ...config, metadata: { ...config.metadata, generation } };
      return readSecrets(client, memory, [changed], {}, 0);
    };
    await read(1);
    await read(1);
    expect(asked).toHaveLength(2);
    put("one", { a: "MQ==" });
    await read(1);
    await read(1);
    expect(asked).toHaveLength(3);
    await read(2);
    expect(asked).toHaveLength(4);
  });

  it("stay as they are while the API cannot tell them; one that it never told is a problem of the config", async () => {
    const { api, memory, put, read } = world();
    put("one", { a: "MQ==" });
    await read(0, "one");
    const client = api.client("a", { before: async () => ({ status: 500, body: undefined, reason: "broken" }) });
    const later = await readSecrets(client, memory, [naming("one", "two")], {}, 6 * MINUTE);
    expect(later.get("one")).toMatchObject({ data: { a: "1" } });
    expect(later.get("two")).toEqual({ problem: "the API does not let this node read it: broken" });
  });

  it("are asked for by any name that a MachineConfig may have", async () => {
    const { asked, read } = world();
    await read(0, "a b/../x");
    expect(asked).toEqual(["a%20b%2F..%2Fx"]);
  });

  it("are asked for each time while one is missing", async () => {
    const { put, read, asked } = world();
    expect((await read(0, "one")).get("one")).toEqual({ problem: "it does not exist" });
    put("one", { a: "MQ==" });
    expect((await read(0.1, "one")).get("one")).toMatchObject({ data: { a: "1" } });
    expect(asked).toHaveLength(2);
  });

  it("are not asked for by a node that is not selected, or without any", async () => {
    const { client, memory, asked } = world();
    const other = machineConfig("a", {}, { ...naming("one").spec, nodeSelector: { matchLabels: { a: "b" } } });
    expect((await readSecrets(client, memory, [other, naming()], {}, 0)).size).toBe(0);
    expect(asked).toEqual([]);
  });

  it("are the API's trouble if it does not answer", async () => {
    const { api, memory } = world();
    const client = api.client("a", { before: async () => ({ status: 0, body: undefined, reason: "it is away" }) });
    await expect(readSecrets(client, memory, [naming("one")], {}, 0)).rejects.toMatchObject({ message: "it is away" });
  });
});
