import { expect, it } from "vitest";
import { hostArchitecture, usualArchitecture } from "./host-architecture.ts";

it("names a processor as Debian does", () => {
  expect(hostArchitecture("x64")).toBe("amd64");
  expect(hostArchitecture("arm64")).toBe("arm64");
  expect(() => hostArchitecture("riscv64")).toThrow("k3os runs on amd64 and arm64, and this machine is riscv64.");
});

it("builds for this machine unless the environment says otherwise", () => {
  expect(usualArchitecture({})).toBe(hostArchitecture());
  expect(usualArchitecture({ K3OS_ARCH: "" })).toBe(hostArchitecture());
  expect(usualArchitecture({ K3OS_ARCH: "arm64" })).toBe("arm64");
  expect(() => usualArchitecture({ K3OS_ARCH: "aarch64" })).toThrow('K3OS_ARCH is "aarch64": expected amd64 or arm64.');
});
