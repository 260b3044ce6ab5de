import { expect, it } from "vitest";
import { testIo } from "../test-io.ts";
import { upgraderFor } from "./upgrader.ts";

it("says that there is no image, before it builds anything", async () => {
  await expect(upgraderFor("/nowhere", true, testIo())).rejects.toThrow(/^\/nowhere is no directory with an image\.$/);
});
