/**
 * Where the initrd of `./k3os up --dev` has the files that the initrd lays over the root if `k3os.dev` is on the
 * kernel's command line: the node's program and os/rootfs. No other initrd has this directory.
 */
export const DEV_FILES = "/dev-files";
