import { describe, expect, it } from "vitest";
import { durationBetween, secondsOf } from "./duration.ts";
import type { Check } from "./kinds.ts";
import { passphrase, ssid, userName } from "./schema/access.ts";
import { device, fileSystem, mountOptions, mountPoint, tty } from "./schema/places.ts";
import { manifestName, proxyUrl, registry, registryUrl } from "./schema/remote.ts";
import { timezone } from "./schema/timezone.ts";
import { channel, imageSource, namespace, podSelector, timeOfDay, weekday } from "./schema/upgrading.ts";
import * as values from "./values.ts";

const L63 = "a".repeat(63);
const KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIE";

const table: [name: string, check: Check, good: string[], bad: string[]][] = [
  [
    "hostname",
    values.hostname,
    ["a", "node-1", "Node", "1a", "a.b-c.d", L63],
    ["", "-a", "a-", "a_b", "a..b", ".a", "a.", "a b", `${L63}a`, `${L63}.${L63}`, "ä"],
  ],
  [
    "file path",
    values.filePath,
    ["/a", "/a/b.c", "/a/..b", "/a b"],
    ["", "a", "./a", "/", "/a/", "/a/../b", "/a/.", "/a/..", "/a\nb"],
  ],
  [
    "permissions",
    values.permissions,
    ["0644", "644", "0o755", "4755", "04755"],
    ["", "64", "0888", "rw", "-644", "06444444", "420x"],
  ],
  ["owner", values.owner, ["root", "0", "rancher:rancher", "a:", "1000:1000"], ["", ":a", "a b", "a:b:c", "$(id)"]],
  [
    "encoding",
    values.encoding,
    ["", "b64", "base64", "gz", "gzip", "gz+b64", "gzip+base64", "GZ+B64"],
    ["b32", "base-64", "constructor"],
  ],
  ["token", values.token, ["1", "K10abc::server:x"], ["", "a b", "a\n"]],
  [
    "server URL",
    values.serverUrl,
    ["https://a", "https://a:6443", "https://1.2.3.4:6443/", "https://[::1]:6443"],
    ["", "a", "http://a", "https://", "https://a:x", "https://a/b", "https://u@a"],
  ],
  [
    "label",
    values.labelKey,
    ["a", "a.b/c", "a_b", "A-1", "node.kubernetes.io/x", "topology.kubernetes.io/zone", "kubernetes.io/os"],
    [
      "",
      "/a",
      "a/",
      "a/b/c",
      "-a",
      "a b",
      "A.b/c",
      `${L63}a`,
      "node-role.kubernetes.io/worker",
      "kubernetes.io/foo",
      "x.k8s.io/y",
    ],
  ],
  ["label value", values.labelValue, ["", "a", "a.b", "1_2", L63], ["-a", "a-", "a b", "a/b", `${L63}a`]],
  [
    "taint",
    values.taint,
    ["a:NoSchedule", "a=b:NoExecute", "a.b/c=:PreferNoSchedule"],
    ["", "a", "a=b", "a=b:Never", ":NoSchedule", "a=b c:NoSchedule", "a=b:noschedule"],
  ],
  ["variable", values.environmentName, ["A", "a_1", "_"], ["", "1a", "a-b", "a b", "a=b"]],
  ["module", values.kernelModule, ["nbd", "nbd nbds_max=16", "snd-hda-intel", "a b=1,2 c"], ["", "/a", "a;b", "a  =b"]],
  [
    "sysctl",
    values.sysctlKey,
    ["vm.swappiness", "net/ipv4/ip_forward", "net.ipv4.conf.eth0/1.rp_filter"],
    ["", "vm", ".vm", "vm.", "a..b", "../a/b", "a b.c"],
  ],
  [
    "address",
    values.ipAddress,
    [
      "1.1.1.1",
      "255.255.255.255",
      "::",
      "::1",
      "fe80::1%eth0",
      "1:2:3:4:5:6:7:8",
      "::ffff:1.2.3.4",
      "2606:4700:4700::1111",
    ],
    [
      "",
      "1.1.1",
      "1.1.1.256",
      "01.1.1.1",
      "1.1.1.1.1",
      "a",
      ":::",
      "1::2::3",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "12345::",
      "1:2:3:4:5:6:7::8",
      "::1.2.3.4:1",
    ],
  ],
  [
    "server",
    values.hostOrIp,
    ["pool.ntp.org", "a", "1.2.3.4", "::1", "a.b."],
    ["", "a b", "-a", "a/b", "http://a", "a_b"],
  ],
  ["data source", values.dataSource, ["cdrom", "file=/a", "aws"], ["", "ec2", "file=", "floppy"]],
  [
    "key",
    values.sshKey,
    [
      `ssh-ed25519 ${KEY} me`,
      `ecdsa-sha2-nistp256 ${KEY}`,
      `sk-ssh-ed25519@openssh.com ${KEY}`,
      `no-pty,command="a b" ssh-rsa ${KEY}`,
      "github:a-b",
      "gitlab:a",
      "https://a/b.keys",
      `# mine\nssh-rsa ${KEY}\n`,
    ],
    ["github: a", "gitub:a", "-----BEGIN OPENSSH PRIVATE KEY-----", "ssh-ed25519", KEY],
  ],
  [
    "URL or path",
    values.urlOrPath,
    ["http://a", "https://u:p@a/b?c=d", "/a", "/a/b.iso"],
    ["", "a", "file:///a", "ftp://a", "https://", "https:///a", "https://a b", "/a b"],
  ],
  [
    "console",
    tty,
    ["ttyS0", "tty1", "/dev/ttyAMA0", "ttyS0,115200", "ttyS0,115200n8"],
    ["", "S0", "tty", "ttyS0 x", "ttyS0,", "/tty1"],
  ],
  ["network name", ssid, ["a", "my home", "ä".repeat(16)], ["", "ä".repeat(17), "a".repeat(33)]],
  [
    "passphrase",
    passphrase,
    ["a".repeat(8), L63, "0aF1".repeat(16), '# a " b " c'],
    ['a"b"c #d', "", "a".repeat(7), `${L63}z`, "0".repeat(65), "ääääääää", "a\nb\nc\nd\n"],
  ],
  [
    "device",
    device,
    ["LABEL=data", "UUID=1-2", "PARTLABEL=x", "/dev/vdb", "/dev/disk/by-id/a"],
    ["", "vdb", "LABEL=", "LABEL=a b", "/dev/", "/dev", "/dev/../etc/passwd", "/mnt/x", "SERIAL=a"],
  ],
  [
    "mount point",
    mountPoint,
    ["/mnt", "/mnt/data", "/srv/a/b", "/opt/x", "/var/lib/rancher/k3s", "/var/lib/longhorn", "/home"],
    [
      "",
      "/",
      "/etc/a",
      "/usr/local",
      "/mnt/",
      "/var",
      "/var/lib",
      "/var/lib/rancher",
      "/var/lib/rancher/k3os/x",
      "/mntx",
    ],
  ],
  ["mount options", mountOptions, ["ro", "noatime,nofail"], ["", "a b", ",a", "a,"]],
  ["file system", fileSystem, ["ext4", "vfat", "fuse.sshfs"], ["", "ext 4", "-t", "Ext4"]],
  [
    "proxy",
    proxyUrl,
    ["http://proxy", "http://u:p@proxy:3128/", "socks5://a:1", "https://[::1]:1"],
    ["", "proxy:3128", "http://", "http://a/b", "ftp://a"],
  ],
  [
    "registry",
    registry,
    ["docker.io", "localhost:5000", "*", "[::1]:5000", "10.0.0.1"],
    ["", "https://docker.io", "docker.io/library", "a b", "-a"],
  ],
  ["registry's URL", registryUrl, ["https://a", "http://a:5000/v2/x"], ["", "a", "a:5000", "https://"]],
  ["manifest", manifestName, ["a", "my-app.yaml", "a.yml", "10-x_y"], ["", "a/b", "../a", ".a", "a.", "a b"]],
  ["user", userName, ["ada", "_x", "a-b_1"], ["", "Ada", "1a", "root:x", "a b", "a".repeat(33), "a.b"]],
  [
    "time zone",
    timezone,
    ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+5"],
    ["", "Berlin", "Europe/Berlin ", "/etc/passwd", "../x", "Europe/Atlantis"],
  ],
  [
    "source of images",
    imageSource,
    ["https://a/k3os", "http://10.0.0.1:8000/", "/media/usb", "oci://a/b", "oci://[::1]:5000/a/b_c", "oci://a:1/b/c-d"],
    ["", "a/b", "ftp://a/b", "https://", "https:///a", "oci://a", "oci://a/B", "oci://a/b:tag", "oci://a/b@sha256:0"],
  ],
  [
    "channel",
    channel,
    ["stable", "0.31", "a-b", "x"],
    ["", "Stable", "a/b", "-a", "a-", "a b", "../a", "a".repeat(64)],
  ],
  ["weekday", weekday, ["Mon", "Sun"], ["", "mon", "Monday", "Mon,Tue", "1"]],
  ["time of day", timeOfDay, ["00:00", "23:59", "02:30"], ["", "2:00", "24:00", "12:60", "02:00:00", "0200"]],
  ["namespace", namespace, ["default", "a-1"], ["", "A", "a_b", "-a", "a.b", "a".repeat(64)]],
  [
    "selector",
    podSelector,
    ["app=nginx", "app==a,!b", "a.io/b!=c", "app in (a, b),tier notin (x)", "app", "app=", "a = b , c"],
    ["", "=a", "app=a b", "app=a,", ",", "app in a", "app=$(x)", "app in ()x"],
  ],
  [
    "duration",
    durationBetween("2m", "2h"),
    ["2m", "2h", "120s", "1h30m", "1h59m60s"],
    ["", "119s", "1m59s", "2h1s", "10", "m", "5m 1s", "1m1h", "-5m", "1.5h", "5M", "1d"],
  ],
  [
    "argument",
    values.k3sArgument,
    ["server", "--disable=traefik", "--a=b c", "-v"],
    ["", "--disable traefik", "server --a", "--no-deploy", "--no-deploy=traefik", "--cluster-secret=x", "a\nb"],
  ],
];

describe.each(table)("%s", (_name, check, good, bad) => {
  it.each(good)("%j is one", (text) => expect(check(text)).toBeUndefined());
  it.each(bad)("%j is none", (text) => expect(check(text)?.expected).toMatch(/./));
});

it("weighs what costs a node little as less than an error", () => {
  expect(values.sshKey("x")?.weight).toBe("warning");
  expect(values.labelKey("kubernetes.io/foo")?.weight).toBe("ignored");
  expect(values.dataSource("ec2")?.weight).toBe("ignored");
  expect(values.k3sArgument("--no-deploy=x")?.weight).toBe("warning");
  expect(timezone("Europe/Atlantis")?.weight).toBe("ignored");
  expect(values.hostname("_")?.weight).toBeUndefined();
});

it.each([
  ["1h30m", 5400],
  ["7d", 604_800],
  ["1d1h1m1s", 90_061],
  ["0s", 0],
  ["1w", undefined],
  ["", undefined],
])("the duration %j has %j seconds", (text, want) => expect(secondsOf(text)).toBe(want));
