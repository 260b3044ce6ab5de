import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll } from "vitest";
import { buildNetboot } from "../../../src/build/index.ts";
import { type Boot, lateTimer } from "../../../src/vm/qemu.ts";
import type { TestMachine } from "./machine.ts";
import { type Served, serveDirectory } from "./serve.ts";

export interface NetbootSet {
  /** Where it lies on this host. The files but `boot.ipxe` are links into the build. */
  readonly directory: string;
  readonly boot: Boot;
}

/** Returns what serves sets to a machine until the tests of this file are over. */
export function useNetboot(machine: TestMachine): (args?: readonly string[]) => Promise<NetbootSet> {
  const servers: Served[] = [];
  afterAll(() => {
    for (const server of servers) server.close();
  });

  /**
   * Serves what `./k3os build --format netboot` makes, with more kernel arguments in its script. The machine has
   * nothing but a network card: DHCP names the script to the iPXE in the card's ROM.
   */
  return async (args = []) => {
    const { dir } = await buildNetboot();
    const directory = join(machine.directory, `set-${servers.length}`);
    mkdirSync(directory);
    for (const file of readdirSync(dir)) symlinkSync(join(dir, file), join(directory, file));
    const script = readFileSync(join(dir, "boot.ipxe"), "utf8");
    rmSync(join(directory, "boot.ipxe"));
    writeFileSync(join(directory, "boot.ipxe"), script.replace(" quiet", ["", "quiet", lateTimer, ...args].join(" ")));
    const server = await serveDirectory(directory);
    servers.push(server);
    return { directory, boot: { kind: "network", url: `http://10.0.2.2:${server.port}/boot.ipxe`, firmware: "bios" } };
  };
}
