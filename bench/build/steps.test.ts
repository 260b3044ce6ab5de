import { expect, it } from "vitest";
import { madeSteps } from "./steps.ts";

it("reads what the build prints, without what was in the cache", () => {
  const printed = [
    "✓ Package versions (cached, 2026-11-22, 0.0 s)",
    "✓ Tools (cached, 0.0 s)",
    "… Kubernetes (1200/2000 packages, 1 min 00 s)",
    "✓ Kernel (6.12.117+deb13-cloud-amd64, 103 MB of modules, 14 s)",
    "✓ Kubernetes (203 MB, 6 min 02 s)",
    "✓ Image (0.3 s)",
    "/somewhere/image",
  ].join("\n");
  expect(madeSteps(printed)).toEqual([
    { title: "Kernel", seconds: 14 },
    { title: "Kubernetes", seconds: 362 },
    { title: "Image", seconds: 0.3 },
  ]);
});
