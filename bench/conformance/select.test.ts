import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { madeImages } from "./containers.ts";
import { checkExplained, focusOn, selectSpecs, sigOf, withoutPods } from "./select.ts";

const all = [
  "[sig-network] DNS should provide DNS for the cluster [Conformance]",
  "[sig-network] Services should serve (a) basic endpoint [Conformance]",
  "[sig-storage] EmptyDir should be [tmpfs] [Conformance]",
  "[sig-node] Pods should run [Conformance]",
];
const leftOut = [{ spec: /^\[sig-node\] Pods/, reason: "an image of others" }];

describe("the selection of specs", () => {
  it("takes groups, and what matches and does not", () => {
    expect(selectSpecs(all, { suites: ["sig-network"], seed: 1 }, [])).toEqual(all.slice(0, 2));
    expect(selectSpecs(all, { focus: /should be|DNS/, skip: /tmpfs/, seed: 1 }, [])).toEqual([all[0]]);
  });

  it("has nothing of what is left out", () => {
    expect(selectSpecs(all, { seed: 1 }, leftOut)).toEqual(all.slice(0, 3));
  });

  it("draws the same specs for the same seed, and each for some seed", () => {
    const drawn = (seed: number) => selectSpecs(all, { count: 1, seed }, []);
    expect(drawn(7)).toEqual(drawn(7));
    expect(new Set(Array.from({ length: 40 }, (_, seed) => drawn(seed)[0])).size).toBe(all.length);
    expect(selectSpecs(all, { count: 99, seed: 1 }, [])).toEqual(all);
  });

  it("refuses a group that is none, and an empty selection", () => {
    expect(() => selectSpecs(all, { suites: ["sig-net"], seed: 1 }, [])).toThrow("The suite has no specs of sig-net.");
    expect(() => selectSpecs(all, { focus: /nothing/, seed: 1 }, [])).toThrow("No spec is selected.");
  });

  it("is handed on as an expression that matches those specs alone", () => {
    const chosen = all.slice(1, 3);
    const focus = new RegExp(focusOn(chosen));
    // Ginkgo puts the name of the whole before each.
    expect(all.filter((spec) => focus.test(`Kubernetes e2e suite ${spec}`))).toEqual(chosen);
    expect(focus.test(`Kubernetes e2e suite ${chosen[0]} again`)).toBe(false);
  });

  it("names the group of a spec", () => {
    expect(all.map(sigOf)).toEqual(["sig-network", "sig-network", "sig-storage", "sig-node"]);
  });

  it("notices what is explained though it no longer exists", () => {
    checkExplained(all, leftOut);
    expect(() => checkExplained(all, [{ spec: /Ingress/, reason: "" }])).toThrow("speaks of /Ingress/");
  });
});

describe("the images of the suite", () => {
  it("are those that a recipe makes, of the suite's own registries", () => {
    const list = [
      "registry.k8s.io/pause:3.10.2",
      "registry.k8s.io/etcd:3.7.0-0",
      "gcr.io/k8s-authenticated-test/agnhost:2.6",
      "registry.k8s.io/e2e-test-images/agnhost:2.66.1",
    ];
    expect(madeImages(`${list.join("\n")}\n`)).toEqual([list[3], list[0]]);
  });
});

it("is that of the Kubernetes that the image has", () => {
  const versions = ["bench/conformance/e2e/go.mod", "kube/go.mod"].map((path) => {
    const goMod = readFileSync(join(import.meta.dirname, "../..", path), "utf8");
    return [/^(?:\t|require )k8s\.io\/kubernetes (\S+)$/m.exec(goMod)?.[1], /^toolchain (\S+)$/m.exec(goMod)?.[1]];
  });
  expect(versions[0]).toEqual([expect.stringMatching(/^v1\./), expect.stringMatching(/^go1\./)]);
  expect(versions[0]).toEqual(versions[1]);
});

describe("the specs that need no pod", () => {
  it("are found by their names without what is in brackets behind them", () => {
    expect(withoutPods(all, ["[sig-storage] EmptyDir should be"])).toEqual([all[2]]);
  });

  it("must each be the name of one spec", () => {
    expect(() => withoutPods(all, ["[sig-storage] EmptyDir"])).toThrow("has the name of no single spec");
    expect(() => withoutPods([...all, ...all], ["[sig-node] Pods should run"])).toThrow("of no single spec");
  });
});
