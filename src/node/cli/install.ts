import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { bootServer } from "../install/boot-server.ts";
import { type Installation, installSilently, installWithQuestions } from "../install/install.ts";
import { loadConfig } from "../layers.ts";
import type { OpenTerminal } from "../terminal/terminal.ts";
import { readSettings } from "./install-arguments.ts";

const HELP = `Usage: sudo k3os install [OPTIONS] [DEVICE [IMAGE]]

Installs k3OS to a disk. Asks, unless told everything by options, by k3os.install in the config, or by K3OS_INSTALL_* in the environment.
Nothing is changed before everything is checked and fetched, and before the summary is agreed to.

  --device DEVICE   the disk: /dev/vda, virtio-SERIAL, serial=…, model=…, size>=100G, largest, smallest, only
  --config PLACE    the node's config.yaml: URL or path
  --image PLACE     the image in place of the running one: URL or path of an ISO or an image directory
  --image-key KEY   the ssh public key that this image must be signed with
  --silent, --yes   ask nothing; needs --device
  --force           erase a disk that belongs to a volume group or an array of several; needs its name as --device
  --no-format       keep partitions and data, replace the system only
  --power-off       switch off afterwards instead of starting anew
  --tty CONSOLE     console of the installed system, such as ttyS0
  --debug           have the installed system tell what it does when it boots
  --force-efi       accepted: every disk boots by UEFI and by BIOS

Examples:
  sudo k3os install
  sudo k3os install --silent --device only --config https://example.com/node.yaml
  sudo k3os install --device 'model=Samsung*,size>=500G' --power-off`;

/** `k3os install`: installs to a disk, with questions or silently. Returns 1 if nothing was installed. */
export async function installCommand(host: Host, args: readonly string[], openTerminal: OpenTerminal): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(HELP);
    return 0;
  }
  const { config } = loadConfig(host);
  const settings = readSettings(args, host.env, config.k3os?.install ?? {});
  refuseOthersThanRoot(host);
  const server = settings.iso_url === undefined ? bootServer(host) : undefined;
  const image = server === undefined ? {} : { iso_url: server };
  const installation: Installation = { host, settings: { ...settings, ...image }, config };
  await (settings.silent ? installSilently(installation) : installWithQuestions(installation, openTerminal));
  return 0;
}

/** The owner of /proc/self is the user who runs the process (proc(5)). */
function refuseOthersThanRoot(host: Host): void {
  if (host.stat("/proc/self/status")?.uid === 0) return;
  throw new K3osError("host", "installing needs root", { hint: "Run it with sudo." });
}
