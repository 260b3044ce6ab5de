/** Where the installer keeps what it fetches and mounts. For root only: a config holds secrets. */
export const WORK = "/run/k3os/install";
