import { expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { mountDevFiles } from "./dev-files.ts";

it("lays the files over the root from where they outlive the initrd", async () => {
  const host = memoryHost({ programs: { cp: () => ({}), mount: () => ({}) } });
  for (const path of ["/dev-files", "/sysroot"]) host.mkdir(path);
  await mountDevFiles(host, "/sysroot");
  expect(host.ran).toEqual([
    ["cp", "-a", "/dev-files", "/run/k3os/dev"],
    ["mount", "-t", "overlay", "-o", "lowerdir=/run/k3os/dev:/sysroot", "dev", "/sysroot"],
  ]);
});

it("stops a boot that asks for files which its initrd does not have", async () => {
  const host = memoryHost();
  await expect(mountDevFiles(host, "/sysroot")).rejects.toMatchObject({ message: expect.stringContaining("k3os.dev") });
  expect(host.ran).toEqual([]);
});
