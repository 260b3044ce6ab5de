import { expect, it } from "vitest";
import { archiveFault, loadedImages } from "./image.ts";

it("names the images that were loaded, as either containerd prints them", () => {
  const two =
    "docker.io/example/hello:1               \tsaved\t\napplication/vnd… sha256:14f4\nImporting\telapsed: 10.3s\n";
  expect(loadedImages(two)).toEqual(["docker.io/example/hello:1"]);
  // It writes a space for each of these.
  expect(loadedImages("k3os.io/my k3os:0.30.0 0c0add52            \tsaved\t\n")).toEqual([
    "k3os.io/my-k3os:0.30.0-0c0add52",
  ]);
  expect(loadedImages("unpacking docker.io/example/hello:1 (sha256:14f4)...done\n")).toEqual([
    "docker.io/example/hello:1",
  ]);
});

it("says why an archive cannot be loaded", () => {
  expect(archiveFault("/none")).toBe("there is no such file");
  expect(archiveFault("/")).toBe("it is no file");
  expect(archiveFault(import.meta.filename)).toBeUndefined();
});
