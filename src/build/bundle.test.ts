import { expect, it } from "vitest";
import { bundleNode } from "./bundle.ts";
import { findProject } from "./project.ts";

it("makes the node's program for one processor", async () => {
  const text = async (architecture: "amd64" | "arm64") => {
    const { k3os } = await bundleNode(findProject(), architecture);
    return [...k3os.values()].map((bytes) => Buffer.from(bytes).toString()).join("\n");
  };
  const [amd64, arm64] = await Promise.all([text("amd64"), text("arm64")]);
  expect(amd64).not.toContain("K3OS_ARCHITECTURE");
  const own = (program: string) => /OWN_ARCHITECTURE *= *"(\w+)"/.exec(program)?.[1];
  expect([own(amd64), own(arm64)]).toEqual(["amd64", "arm64"]);
});
