import { join } from "node:path";
import { stateDirectory } from "../build/xdg.ts";

/** Where machines are kept. */
export function machinesDir(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return join(stateDirectory(env), "machines");
}

/** The files of one machine. */
export interface MachinePaths {
  readonly dir: string;
  /** `MachineRecord` as JSON. It is written last, so a directory without it is half-made. */
  readonly record: string;
  /** Held by the command that starts or stops the machine. */
  readonly claim: string;
  readonly serialLog: string;
  /** What QEMU itself printed. */
  readonly qemuLog: string;
  /** The NoCloud volume. */
  readonly seed: string;
  readonly sshKey: string;
  readonly knownHosts: string;
  readonly kubeconfig: string;
  /** The machine's UEFI variables; for Secure Boot there is a second file, with its keys. */
  readonly uefiVars: string;
  readonly secureBootVars: string;
  /** The machine's persistent disk, if it was started with one. */
  readonly disk: string;
  /** The directory of its Unix sockets. It is short, because a socket's path has at most 107 bytes. */
  readonly qmpSocket: string;
  readonly serialSocket: string;
}

export function machinePaths(home: string, name: string): MachinePaths {
  const dir = join(home, name);
  return {
    dir,
    record: join(dir, "machine.json"),
    claim: join(dir, "claim"),
    serialLog: join(dir, "serial.log"),
    qemuLog: join(dir, "qemu.log"),
    seed: join(dir, "cidata.iso"),
    sshKey: join(dir, "id_ed25519"),
    knownHosts: join(dir, "known_hosts"),
    kubeconfig: join(dir, "kubeconfig"),
    uefiVars: join(dir, "uefi-vars.fd"),
    secureBootVars: join(dir, "secure-boot-vars.fd"),
    disk: join(dir, "disk.qcow2"),
    qmpSocket: join(dir, "qmp.sock"),
    serialSocket: join(dir, "serial.sock"),
  };
}
