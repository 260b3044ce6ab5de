import { RUN } from "../places.ts";

/** Directory for the installer's downloads and mounts. For root only, because a config holds secrets. */
export const WORK = `${RUN}/install`;
