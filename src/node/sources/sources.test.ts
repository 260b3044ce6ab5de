import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { readDataSources } from "./sources.ts";

const machine = (cmdline: string) =>
  memoryHost({
    files: { "/proc/cmdline": cmdline, "/opt/node.yaml": "hostname: from-file\n" },
    programs: { blkid: () => ({ status: 2 }) },
  });

describe("readDataSources", () => {
  it("looks for a NoCloud volume when nobody says anything", async () => {
    const host = machine("quiet");
    await readDataSources(host, Promise.resolve());
    expect(host.ran).toContainEqual(["blkid", "-L", "cidata"]);
    expect(host.stat("/run/config/userdata")).toBeUndefined();
  });

  it("goes on to the next source when one does not answer", async () => {
    const host = machine("k3os.data_sources=cdrom k3os.data_sources=file=/opt/node.yaml");
    await readDataSources(host, Promise.resolve());
    expect(host.readText("/run/config/userdata")).toBe("hostname: from-file\n");
    expect(host.stat("/run/config/userdata")?.mode).toBe(0o600);
  });

  it("asks nobody else once one has answered", async () => {
    const host = machine("k3os.data_sources=file=/opt/node.yaml k3os.data_sources=cdrom");
    await readDataSources(host, Promise.resolve());
    expect(host.ran).toEqual([]);
  });
});
