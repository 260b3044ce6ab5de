import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { bootServer } from "./boot-server.ts";

describe("bootServer", () => {
  it.each([
    ["k3os.root=http://10.0.2.2:8000/k3os/root.squashfs quiet", "http://10.0.2.2:8000/k3os"],
    ["k3os.root=LABEL=K3OS:/root.squashfs", undefined],
    ["quiet", undefined],
  ])("%s", (cmdline, want) => {
    expect(bootServer(memoryHost({ files: { "/proc/cmdline": `${cmdline}\n` } }))).toBe(want);
  });
});
