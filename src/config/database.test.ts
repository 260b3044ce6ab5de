import { describe, expect, it } from "vitest";
import { databaseOf } from "./database.ts";

const SECRET = "hunter2";

describe("the database that servers share", () => {
  it.each([
    [`postgres://k3s:${SECRET}@192.168.1.5:5433/k3s?sslmode=disable`, "192.168.1.5:5433"],
    [`postgresql://k3s:${SECRET}%40%2F@db.example/k3s`, "db.example:5432"],
    ["postgres://db.example", "db.example:5432"],
    [`postgres://k3s:${SECRET}@[fd00::5]:5432/k3s`, "[fd00::5]:5432"],
    [`mysql://k3s:${SECRET}@/(x@tcp(192.168.1.5:3307)/k3s`, "192.168.1.5:3307"],
    [`mysql://k3s:${SECRET}@tcp(db.example)/k3s`, "db.example:3306"],
  ])("is known without its secret: %s", (endpoint, address) => {
    const environment = { K3S_DATASTORE_ENDPOINT: endpoint };
    expect(databaseOf({ k3os: { environment } })).toBe(address);
    expect(databaseOf({ k3os: { k3s_args: ["server", `--datastore-endpoint=${endpoint}`] } })).toBe(address);
    expect(databaseOf({ k3os: { k3s_args: ["server", "--datastore-endpoint", `"${endpoint}"`] } })).toBe(address);
  });

  it("is none where k3s keeps its objects itself", () => {
    expect(databaseOf({})).toBeUndefined();
    expect(databaseOf({ k3os: { k3s_args: ["server", "--datastore-endpoint=sqlite"] } })).toBeUndefined();
    expect(databaseOf({ k3os: { k3s_args: ["server", "--cluster-init"] } })).toBeUndefined();
  });
});
