import type { StepHandler } from "./handler.ts";

const KERNEL_HOSTNAME = "/proc/sys/kernel/hostname";

export const hostname: StepHandler<"hostname"> = {
  observe: (host) => host.readText(KERNEL_HOSTNAME).trim(),
  /** Sets the kernel's host name, /etc/hostname, and an address for programs that look up their own name. */
  apply(host, { name }) {
    host.poke(KERNEL_HOSTNAME, name);
    host.write("/etc/hostname", `${name}\n`);
    const lines = host.readText("/etc/hosts").split("\n");
    const others = lines.filter((line) => !line.startsWith("127.0.1.1"));
    host.write("/etc/hosts", `127.0.1.1 ${name}\n${others.join("\n")}`);
  },
};
