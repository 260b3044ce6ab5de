/** Checks of devices, mount points and the like. */
import { all, filePath, like } from "../values.ts";

export const httpUrl = like(/^https?:\/\/[^\s/]+\S*$/, "an http or https URL", "such as https://example.com/file.yaml");

export const device = like(
  /^(?!\/dev\/(.*\/)?\.\.?(\/|$))((PART)?(LABEL|UUID)=[^\s/]+|\/dev\/\S*[^\s/])$/,
  "a device",
  "LABEL=…, UUID=… or a path such as /dev/vdb",
);

export const mountPoint = all(
  filePath,
  like(
    /^\/(mnt|srv|media|home|opt|var\/.+)(\/|$)/,
    "a path below /mnt, /srv, /media, /home, /opt or /var",
    "the rest of the system is read-only",
  ),
  like(
    /^(?!\/var\/(lib|log|tmp|run|lib\/rancher|lib\/rancher\/k3os(\/.*)?)$)/,
    "a place that the system itself does not need",
  ),
);

export const fileSystem = like(/^[a-z0-9][a-z0-9._-]*$/, "the name of a file system", "such as ext4 or vfat");

export const mountOptions = like(
  /^[^\s,]+(,[^\s,]+)*$/,
  "options with commas between them",
  "such as `noatime,nofail`",
);

export const tty = like(/^(\/dev\/)?tty[A-Za-z0-9]+(,\w+)?$/, "a console", "such as ttyS0, tty1 or `ttyS0,115200`");
