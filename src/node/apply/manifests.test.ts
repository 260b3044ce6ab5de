import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { isSeeded, type ManifestStep, seedManifest } from "./manifests.ts";

const PATH = "/var/lib/rancher/k3s/server/manifests/app.yaml";
const inline = (content: string): ManifestStep => ({ phase: "boot", kind: "manifest", name: "app.yaml", content });
const remote = (url: string): ManifestStep => ({ phase: "runtime", kind: "remote-manifest", name: "app.yaml", url });

function seeded(step = inline("one")) {
  const host = memoryHost();
  seedManifest(host, step, "one");
  return host;
}

describe("a manifest", () => {
  it("is put there once", () => {
    expect(isSeeded(memoryHost(), inline("one"))).toBe(false);
    expect(isSeeded(seeded(), inline("one"))).toBe(true);
    expect(seeded().readText(PATH)).toBe("one");
    expect(isSeeded(seeded(remote("https://a")), remote("https://a"))).toBe(true);
  });

  it("that the user edited or deleted stays so, whatever the config says", () => {
    const edited = seeded();
    edited.write(PATH, "mine");
    const deleted = seeded();
    deleted.remove(PATH);
    for (const host of [edited, deleted]) {
      expect(isSeeded(host, inline("one"))).toBe(true);
      expect(isSeeded(host, inline("two"))).toBe(true);
    }
  });

  it("that was there before is the user's", () => {
    const host = memoryHost({ files: { [PATH]: "mine" } });
    expect(isSeeded(host, inline("one"))).toBe(true);
  });

  it("that nobody touched follows the config", () => {
    expect(isSeeded(seeded(), inline("two"))).toBe(false);
    expect(isSeeded(seeded(remote("https://a")), remote("https://b"))).toBe(false);
    const host = seeded();
    seedManifest(host, inline("two"), "two");
    expect(host.readText(PATH)).toBe("two");
    expect(isSeeded(host, inline("two"))).toBe(true);
  });
});
