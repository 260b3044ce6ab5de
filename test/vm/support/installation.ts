import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach } from "vitest";
import { type BuiltImage, build, buildIso } from "../../../src/build/index.ts";
import { findMachine, type Machine, type StartOptions, startMachine } from "../../../src/vm/machine.ts";
import type { Boot, Disk, Firmware } from "../../../src/vm/qemu.ts";
import { poll } from "../../../src/vm/wait.ts";
import { keepsFailed } from "./machine.ts";

/** One machine that is switched on again and again, with disks that stay. */
export interface Installation {
  readonly image: BuiltImage;
  readonly iso: string;
  /** Makes an empty raw disk that the guest knows by this serial number. */
  disk(serial: string, sizeMiB?: number): Disk;
  start(boot: Boot, options: Pick<StartOptions, "config" | "disks">): Promise<Machine>;
  /** Waits until the machine has powered itself off. */
  poweredOff(timeoutMs: number): Promise<void>;
  /** Pulls the plug. */
  cut(): Promise<void>;
}

/** Registers a machine for this file of tests: its disks go with it, its console is printed when a test failed. */
export function useInstallation(name: string): () => Promise<Installation> {
  const directory = mkdtempSync(join(tmpdir(), "k3os-install-"));
  const home = join(directory, "k3os/machines");
  const cut = async () => {
    await findMachine(name, home)?.stop({ graceMs: 0 });
  };
  let failed = false;
  afterEach(({ task }) => {
    failed ||= task.result?.state === "fail";
  });
  afterAll(async () => {
    if (failed)
      console.log(`--- console of ${name}\n${findMachine(name, home)?.serial.text()}\n--- end of the console`);
    if (failed && keepsFailed) return;
    await cut();
    rmSync(directory, { recursive: true, force: true });
  });
  return async () => {
    const [image, { dir }] = [await build(), await buildIso()];
    const { tools, k3s } = image;
    let disks = 0;
    return {
      image,
      iso: join(dir, "k3os.iso"),
      disk(serial, sizeMiB = 4096) {
        const file = join(directory, `${serial}.raw`);
        writeFileSync(file, "");
        truncateSync(file, sizeMiB * 1024 ** 2);
        return { file, format: "raw", serial, bootIndex: ++disks };
      },
      start: (boot, options) =>
        startMachine({ name, home, tools, k3s, boot, accel: "tcg", memoryMiB: 1024, cpus: 2, ...options }),
      async poweredOff(timeoutMs) {
        const off = await poll(() => (findMachine(name, home)?.state === "running" ? undefined : true), {
          timeoutMs,
          everyMs: 200,
        });
        if (off !== true) throw new Error(`${name} did not power off`);
      },
      cut,
    };
  };
}

/** The installer of the ISO as its boot menu starts it, without firmware and menu: those are another test's. */
export function installerOf({ image }: Installation): Boot {
  const append = "k3os.root=LABEL=K3OS:/k3os/system/current/root.squashfs k3os.mode=install";
  return { kind: "image", dir: image.dir, append };
}

/** The ISO as a disk, for `installerOf`. */
export function isoDisk({ iso }: Installation): Disk {
  return { file: iso, format: "raw", serial: "iso", readOnly: true };
}

export function fromDisk(firmware: Firmware): Boot {
  return { kind: "disk", firmware };
}

/** Bytes of a raw disk. */
export function bytesOf({ file }: Disk, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const handle = openSync(file, "r");
  try {
    readSync(handle, bytes, 0, length, offset);
  } finally {
    closeSync(handle);
  }
  return bytes;
}

/** How many bytes were ever written to a disk that `disk` made. */
export function bytesWritten({ file }: Disk): number {
  return statSync(file).blocks * 512;
}
