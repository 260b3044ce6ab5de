import type { Host } from "../../host/host.ts";
import { doAll } from "../failure.ts";
import { memberOf } from "../install/member-of.ts";
import { type Blkid, readBlkid } from "./blkid.ts";
import { type Disk, readDisks } from "./disks.ts";

const ROOT = "/dev/disk";

/** A broken disk may take minutes to say that it cannot be read. */
const PATIENCE_MS = 20_000;

/**
 * Brings the links below /dev/disk up to date: names that do not depend on the order in which disks were found. Those
 * by hardware are there before anything is read from the disks. A link that cannot be made costs only itself. Links to
 * other devices than disks are left alone.
 */
export async function linkDisks(host: Host): Promise<void> {
  const disks = readDisks(host);
  const tasks = update(host, disks, hardwareLinks(disks), ["by-id", "by-path"]);
  const paths = disks.flatMap(({ path, partitions }) => [path, ...partitions.map((part) => part.path)]);
  const volumes = async () => {
    const links = volumeLinks(disks, await readBlkid(host, paths, PATIENCE_MS));
    await doAll(update(host, disks, links, Object.keys(VOLUME_NAMES)));
  };
  await doAll([...tasks, volumes]);
}

/** The names of devices by the directory and name of their link: `by-id/ata-A_1-part1` → `sda1`. */
export type Links = ReadonlyMap<string, string>;

/** The links that the hardware tells. If two devices have the same name, it is the first one's. */
export function hardwareLinks(disks: readonly Disk[]): Links {
  return firstOf(
    disks.flatMap(({ name, ids, pathIds, partitions }) => {
      const links = [...ids.map((id) => `by-id/${id}`), ...pathIds.map((id) => `by-path/${id}`)];
      return links.flatMap((link): [string, string][] => [
        [link, name],
        ...partitions.map((part): [string, string] => [`${link}-part${part.number}`, part.name]),
      ]);
    }),
  );
}

/** Directories of links to what is on the disks, and the values of blkid(8) that their names are. */
const VOLUME_NAMES: Readonly<Record<string, string>> = {
  "by-uuid": "UUID",
  "by-label": "LABEL",
  "by-partuuid": "PARTUUID",
  "by-partlabel": "PARTLABEL",
};

/** The links that the contents tell. A part of a RAID array or the like has the UUID of the whole, so it gets none. */
export function volumeLinks(disks: readonly Disk[], volumes: Blkid): Links {
  const devices = disks.flatMap((disk) => [disk, ...disk.partitions]);
  return firstOf(
    devices.flatMap(({ name, path }) => {
      const values = volumes.get(path) ?? {};
      const { TYPE: type = "", LABEL: label = "" } = values;
      const isMember = memberOf([{ path, size: 0, type, label }]) !== undefined;
      return Object.entries(VOLUME_NAMES).flatMap(([directory, key]): [string, string][] => {
        const value = isMember && !key.startsWith("PART") ? "" : (values[key] ?? "");
        // A name must not mean the directory itself, or the one above.
        return /^\.{0,2}$/.test(value) ? [] : [[`${directory}/${encoded(value)}`, name]];
      });
    }),
  );
}

/** As udev: what a path cannot have or a shell would not take becomes `\x20`, byte by byte. Letters of UTF-8 stay. */
function encoded(value: string): string {
  return value.replace(/[^A-Za-z0-9#+\-.:=@_\u0080-\uffff]/g, (letter) => {
    return `\\x${letter.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

function firstOf(links: readonly [string, string][]): Links {
  return new Map([...links].reverse());
}

/** What is to be done so that these links, and no others to these disks, are in these directories. */
function update(host: Host, disks: readonly Disk[], links: Links, directories: readonly string[]): (() => void)[] {
  const own = new Set(disks.flatMap(({ name, partitions }) => [name, ...partitions.map((part) => part.name)]));
  const outdated = directories.flatMap((directory) =>
    linksIn(host, directory).filter(([link, name]) => {
      const isOurs = own.has(name) || host.stat(`/dev/${name}`) === undefined;
      return isOurs && !links.has(link);
    }),
  );
  const used = new Set([...links.keys()].map((link) => link.split("/")[0] ?? ""));
  return [
    ...[...used].map((directory) => () => host.mkdir(`${ROOT}/${directory}`)),
    ...outdated.map(
      ([link]) =>
        () =>
          host.remove(`${ROOT}/${link}`),
    ),
    ...[...links].map(([link, name]) => () => {
      const [path, target] = [`${ROOT}/${link}`, `../../${name}`];
      if (host.stat(path) === undefined || host.readLink(path) !== target) host.symlink(target, path);
    }),
  ];
}

/** The links of a directory, with the devices they lead to. */
function linksIn(host: Host, directory: string): [string, string][] {
  const path = `${ROOT}/${directory}`;
  if (host.stat(path) === undefined) return [];
  return host.list(path).flatMap((name): [string, string][] => {
    const target = host.stat(`${path}/${name}`)?.type === "link" ? host.readLink(`${path}/${name}`) : "";
    return target.startsWith("../../") ? [[`${directory}/${name}`, target.slice("../../".length)]] : [];
  });
}
