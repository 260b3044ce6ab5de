import { RUN } from "../places.ts";

/** Where the installer keeps what it fetches and mounts. For root only: a config holds secrets. */
export const WORK = `${RUN}/install`;
