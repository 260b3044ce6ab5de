import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { type BootEnv, formatBootEnv, parseBootEnv } from "../../image/boot-env.ts";
import { BOOT, BOOT_ENV } from "../../image/grub.ts";
import { syncEsp } from "./esp.ts";

/** What the environment block on the ESP mounted at `esp` says; `undefined` if there is none or it is damaged. */
export function readEnv(host: Host, esp: string): BootEnv | undefined {
  const path = `${esp}${BOOT_ENV}`;
  return host.stat(path)?.type === "file" ? parseBootEnv(host.read(path)) : undefined;
}

/**
 * Overwrites the block where it lies: one sector, which a power cut leaves old or new. GRUB remembers no place of it,
 * and replacing the file would change the FAT, too. A block that is missing, damaged or of another size is made anew.
 */
export async function writeEnv(host: Host, esp: string, env: BootEnv): Promise<void> {
  const path = `${esp}${BOOT_ENV}`;
  const bytes = formatBootEnv(env);
  if (readEnv(host, esp) === undefined || host.stat(path)?.size !== bytes.length) {
    host.mkdir(`${esp}${BOOT}`);
    host.remove(path);
    host.write(path, bytes);
  } else {
    const argv = ["dd", `of=${path}`, "bs=512", "count=1", "conv=notrunc,fsync"];
    await run(host, argv, { input: bytes.slice(0, 512) });
  }
  await syncEsp(host, esp);
}
