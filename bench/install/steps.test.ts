import { expect, it } from "vitest";
import { readSteps } from "./steps.ts";

const console = ` * Installing k3OS ...
- Check the image 0.30.0 ... 124 MB

Disk     /dev/vdc, 8.6 GB (virtio, serial target)
- Erase and partition /dev/vdc ... done
- Copy the image ... `;

it("knows which steps of an installation have ended", () => {
  expect(readSteps(console)).toEqual({
    begun: true,
    ended: ["Check the image", "Erase and partition"],
    done: false,
    failure: undefined,
  });
  expect(readSteps(`${console}124 MB\nk3OS is installed on /dev/vdc.\n`)).toMatchObject({
    ended: [expect.anything(), expect.anything(), "Copy the image"],
    done: true,
  });
});

it("knows why one failed", () => {
  expect(readSteps(`${console}failed\nk3os: the disk is full\n  hint\n`).failure).toContain("the disk is full");
});
