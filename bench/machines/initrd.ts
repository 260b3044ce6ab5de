import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type CpioEntry, cpio } from "../../src/formats/cpio.ts";
import { moduleFiles } from "../../src/image/modules.ts";

export interface BenchInitrd {
  /** A tree with `usr/lib/modules/<release>`. */
  readonly kernelTree: string;
  /** Loaded in this order, each after what it needs; those that the kernel has built in are skipped. */
  readonly modules: readonly string[];
  /** A busybox without libraries. */
  readonly busybox: string;
  /** Files of the top level, executable: `init` is process 1. */
  readonly scripts: Readonly<Record<string, string>>;
}

/** An initrd of a static busybox, a few modules and a script. It is so small that compression would cost time. */
export function benchInitrd({ kernelTree, modules, busybox, scripts }: BenchInitrd): Uint8Array {
  const directory = join(kernelTree, "usr/lib/modules");
  const [release = ""] = readdirSync(directory);
  const files = moduleFiles(readFileSync(join(directory, release, "modules.dep"), "utf8"), modules);
  const read = (path: string) => new Uint8Array(readFileSync(path));
  const text = (content: string) => new TextEncoder().encode(content);
  const entries: CpioEntry[] = [
    ...["bin", "dev", "proc", "sys", "run", "sysroot", "lib"].map((path): CpioEntry => ({ path, type: "directory" })),
    { path: "dev/console", type: "character", device: [5, 1], mode: 0o600 },
    { path: "bin/busybox", data: read(busybox), mode: 0o755 },
    ...files.map((file): CpioEntry => ({ path: `lib/${basename(file)}`, data: read(join(directory, release, file)) })),
    { path: "modules", data: text(files.map((file) => `/lib/${basename(file)}\n`).join("")) },
    ...Object.entries(scripts).map(([path, content]): CpioEntry => ({ path, data: text(content), mode: 0o755 })),
  ];
  return cpio(entries);
}
