import { describe, expect, it } from "vitest";
import { observeUnanswered, peersIn, quorumSentence } from "./quorum.ts";
import { FILES, healthyNode } from "./testing.ts";

const MEMBER = "/var/lib/rancher/k3s/server/db/etcd/member/wal/0.wal";
const ADMIN = `clusters:
- cluster:
    certificate-authority-data: YQ==
    server: https://127.0.0.1:6443
users:
- user:
    client-certificate-data: YQ==
    client-key-data: YQ==
`;
const SERVER = { ...FILES, [MEMBER]: "", "/etc/rancher/k3s/k3s.yaml": ADMIN };

/** As on a server at 10.5.0.1: it calls two of the others, hears of the third, and the fourth has fallen silent. */
const CONNECTIONS = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100050A:094C 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 8113 1 0 100 0 0 10 0
   1: 0100050A:8D28 0300050A:094C 02 00000001:00000000 01:00000046 00000001     0        0 9012 2 0 800 0 0 1 -1
   2: 0100050A:8D2A 0200050A:094C 02 00000001:00000000 01:00000046 00000001     0        0 9013 2 0 800 0 0 1 -1
   3: 0100050A:8D2C 0200050A:094C 02 00000001:00000000 01:00000046 00000001     0        0 9014 2 0 800 0 0 1 -1
   4: 0100050A:8D2E 0400050A:094C 01 00000000:00000000 02:00000046 00000000     0        0 9015 2 0 20 4 30 10 -1
   6: 0100050A:094C 0600050A:A001 01 00000100:00000000 01:00000046 00000005     0        0 9017 2 0 800 0 0 1 -1
   7: 0100050A:094C 0400050A:A001 01 00000100:00000000 01:00000046 00000001     0        0 9018 2 0 800 0 0 1 -1
   5: 0100050A:8D30 0900050A:192B 02 00000001:00000000 01:00000046 00000001     0        0 9016 2 0 800 0 0 1 -1
`;

describe("why etcd does not answer", () => {
  const observed = (files: Readonly<Record<string, string>>, etcd = 500) => {
    const { host, parts } = healthyNode(files);
    parts.api = { ...parts.api, "/readyz/etcd": { status: etcd, body: "context deadline exceeded" } };
    return { host, parts };
  };

  it("is the servers that it calls in vain", async () => {
    const { host } = observed({ ...SERVER, "/proc/net/tcp": CONNECTIONS });
    expect(await observeUnanswered(host, {})).toEqual({
      no_quorum: "etcd has no majority: 10.5.0.2 and 10.5.0.3 and 10.5.0.6 do not answer at port 2380",
    });
  });

  it("is not asked where etcd answers, on another node than a server with etcd, or while the API is not there", async () => {
    expect(await observeUnanswered(observed(SERVER, 200).host, {})).toEqual({});
    const { [MEMBER]: _, ...single } = SERVER;
    expect(await observeUnanswered(observed(single).host, {})).toEqual({});
    expect(await observeUnanswered(observed({ ...FILES, [MEMBER]: "" }).host, {})).toEqual({});
    const { host, parts } = observed(SERVER);
    parts.api = undefined;
    expect(await observeUnanswered(host, {})).toEqual({});
  });

  it("is the database, where the config names one", async () => {
    const environment = { K3S_DATASTORE_ENDPOINT: "postgres://k3s:hunter2@192.168.1.5:5432/k3s" };
    const { [MEMBER]: _, ...single } = SERVER;
    const said = (etcd: number, config: object, files = single) =>
      observeUnanswered(observed(files, etcd).host, config);
    const over = { k3os: { environment } };
    expect(await said(500, over)).toEqual({ no_database: "the database at 192.168.1.5:5432 does not answer" });
    expect(await said(500, over, SERVER)).toEqual(await said(500, over)); // it had etcd before
    expect(await said(200, over)).toEqual({});
    expect(await said(500, {})).toEqual({});
  });

  it("reads the connections of the kernel", () => {
    const silent = ["10.5.0.2", "10.5.0.3", "10.5.0.6"];
    expect(peersIn(CONNECTIONS)).toEqual({ silent, others: ["10.5.0.4"] });
    expect(peersIn("")).toEqual({ silent: [], others: [] });
  });

  it("is guessed while those that it hears of are a majority", () => {
    const slow = "etcd does not answer: the disk is too slow, or";
    expect(quorumSentence({ silent: [], others: [] })).toBe(`${slow} too few of the other servers run`);
    const one = "10.5.0.2 does not answer at port 2380";
    expect(quorumSentence({ silent: ["10.5.0.2"], others: ["10.5.0.3"] })).toBe(`${slow} ${one}`);
    expect(quorumSentence({ silent: ["10.5.0.2"], others: [] })).toBe(`etcd has no majority: ${one}`);
  });
});
