import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Seed } from "./fuzz.ts";

/** Command lines as GRUB, PXE and cloud consoles write them. */
const COMMAND_LINES = [
  "BOOT_IMAGE=/vmlinuz console=ttyS0 quiet root=LABEL=x ro k3os.mode=live k3os.debug",
  "k3os.install.silent k3os.install.device=/dev/vda k3os.install.config_url=https://a/b?c=d k3os.install.tty=ttyS0,115200",
  "hostname=a k3os.token=t k3os.labels[a.b/c]=1 k3os.labels.zone=a k3os.sysctl.kernel.printk='4 4 1 7' k3os.taints=a=b:NoSchedule",
  `ssh_authorized_keys="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE me" run_cmd="echo \\"a b\\"" "k3os.modules=nbd nbds_max=16" run_cmd='x "y"'`,
  "k3os.environment.HTTP_PROXY=http://u:p@proxy k3o.serverUrl=https://a:6443 K3OS.k3s_args[]=server k3os.k3s_args[1]=--disable=x",
  "k3os.timezone=Europe/Berlin k3os.proxy.http=http://proxy:3128 k3os.dns_nameserver=1.1.1.1 k3os.hostname=b -- single",
];

const OTHERS: readonly Seed[] = [
  {
    kind: "metadata",
    text: "instance-id: i-1\nlocal-hostname: node-1\npublic-keys:\n  laptop: ssh-ed25519 AAAAC3Nz me\n",
  },
  { kind: "hostname", text: "node-1.example.com\n" },
  { kind: "authorized-keys", text: "# team\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE a@b\ngithub:octocat\n" },
];

/** The examples of the project, old configurations among them, and command lines. */
export function readSeeds(project: string): Seed[] {
  const examples = join(project, "examples");
  const names = readdirSync(examples, { recursive: true, encoding: "utf8" }).sort();
  const files = names
    .filter((name) => /\.(yaml|sh)$/.test(name))
    .map((name) => readFileSync(join(examples, name), "utf8"));
  return [
    ...files.flatMap((text): Seed[] => [
      { kind: "system", text },
      { kind: "userdata", text },
    ]),
    // Repeated, so that command lines are chosen as often as files.
    ...files.flatMap((_, index): Seed[] => [
      { kind: "cmdline", text: COMMAND_LINES[index % COMMAND_LINES.length] ?? "" },
    ]),
    ...OTHERS,
  ];
}
