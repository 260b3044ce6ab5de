import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { words } from "./cmdline.ts";
import { load } from "./index.ts";
import { loadText, told } from "./testing.ts";

const cmdline = (text: string) => loadText(text, "cmdline");

describe("words that are ours", () => {
  const table: [text: string, config: object][] = [
    ["", {}],
    ["BOOT_IMAGE=/vmlinuz console=ttyS0 quiet root=LABEL=x ro -- single\n", {}],
    ["k3os.mode=live k3os.debug k3os.root=LABEL=K3OS:/x k3os.fallback_mode=install", {}],
    ["k3os.slot=b k3os.env=damaged k3os.trial", {}],
    ["k3os k3os= k3o", {}],
    ["hostname=a", { hostname: "a" }],
    ["ssh_authorized_keys=github:a sshAuthorizedKey=github:b", { ssh_authorized_keys: ["github:a", "github:b"] }],
    [
      "ssh_authorized_keys[]=github:a ssh_authorized_keys[7]=github:b",
      { ssh_authorized_keys: ["github:a", "github:b"] },
    ],
    ["k3os.token=a", { k3os: { token: "a" } }],
    ["k3os[token]=a", { k3os: { token: "a" } }],
    ["K3OS.serverUrl=https://a:6443", { k3os: { server_url: "https://a:6443" } }],
    ["k3o.token=1", { k3os: { token: "1" } }],
    ["k3os.token=a=b==", { k3os: { token: "a=b==" } }],
    ["k3os.token=a k3os.token=b", { k3os: { token: "b" } }],
    ["k3os.labels.foo=bar", { k3os: { labels: { foo: "bar" } } }],
    ["k3os.labels[foo]=bar k3os.label.x=y", { k3os: { labels: { foo: "bar", x: "y" } } }],
    ["k3os.labels[a.b/c]=d", { k3os: { labels: { "a.b/c": "d" } } }],
    ["k3os.labels.a.b/c=d", { k3os: { labels: { "a.b/c": "d" } } }],
    ["k3os.labels.a= k3os.labels.b=1 k3os.labels.b=2", { k3os: { labels: { a: "", b: "2" } } }],
    ["k3os.sysctl.kernel.printk=4", { k3os: { sysctls: { "kernel.printk": "4" } } }],
    ['k3os.sysctls[kernel.printk]="4 4 1 7"', { k3os: { sysctls: { "kernel.printk": "4 4 1 7" } } }],
    [
      "k3os.environment.HTTP_PROXY=http://a k3os.environment.fooBar=x",
      { k3os: { environment: { HTTP_PROXY: "http://a", fooBar: "x" } } },
    ],
    ['k3os.modules=nbd "k3os.modules=loop max_loop=8"', { k3os: { modules: ["nbd", "loop max_loop=8"] } }],
    ["run_cmd='echo \"a b\"'", { run_cmd: ['echo "a b"'] }],
    ['run_cmd="echo \\"a\\" it\'s"', { run_cmd: ['echo "a" it\'s'] }],
    ["k3os.password=$6$abc", { k3os: { password: "$6$abc" } }],
    [
      "k3os.install.silent k3os.install.device=/dev/vda k3os.install.device=/dev/vdb k3os.install.tty=ttyS0,115200",
      { k3os: { install: { silent: true, device: "/dev/vdb", tty: "ttyS0,115200" } } },
    ],
    [
      "k3os.install.efi k3os.install.power_off=1 k3os.install.noFormat=false k3os.install.debug=true",
      { k3os: { install: { force_efi: true, power_off: true, no_format: false, debug: true } } },
    ],
    [
      "k3os.install.config_url=https://a/b?c=d k3os.install.isourl=/x.iso",
      { k3os: { install: { config_url: "https://a/b?c=d", iso_url: "/x.iso" } } },
    ],
    ["noise=it's hostname=a other='", { hostname: "a" }],
  ];
  it.each(table)("%s", (text, config) => {
    const loaded = cmdline(text);
    expect(told(loaded)).toEqual([]);
    expect(loaded.config).toEqual(config);
  });
});

describe("wrong words", () => {
  const table: [text: string, problem: string, column: number][] = [
    ["k3os.token", "k3os.token: expected a value, got none", 1],
    ["quiet hostname", "hostname: expected a value, got none", 7],
    ["ro k3os.tokn=a", "k3os.tokn: unknown key of `k3os`", 4],
    ["hostname=a_b", 'hostname: expected a host name, got "a_b"', 10],
    ["k3os.labels=a", "k3os.labels: expected the name of an entry, got none", 1],
    ["k3os.labels[]=a", "k3os.labels: expected the name of an entry, got none", 1],
    ["k3os.labels[a", "k3os.labels: expected the name of an entry, got none", 1],
    ["k3os.token.a=b", "k3os.token: expected one value, got a key below it", 1],
    ["run_cmd.a=b", "run_cmd: expected a list, got a key below it", 1],
    ["write_files.path=/a", "write_files: expected this key in a file: it is too large for here", 1],
    ["k3os..a=b", "k3os: expected a key of `k3os`, got none", 1],
    ["k3os.[a]=b", "k3os: expected a key of `k3os`, got none", 1],
    ['hostname="a', "hostname: expected a closing quote, got the end of the line", 1],
    ["k3os.wifi.0.name=a", "k3os.wifi: expected this key in a file: it is too large for here", 1],
    ["k3os.install.device", "k3os.install.device: expected a value, got none", 1],
    ["k3os.install.silent=maybe", 'k3os.install.silent: expected true or false, got "maybe"', 21],
    ["k3os.install.dev=/dev/vda", "k3os.install.dev: unknown key of `k3os.install`", 1],
    ["k3os.install=yes", "k3os.install: expected a key of `k3os.install`, got none", 1],
    ["k3os.dns_nameservers=x", 'k3os.dns_nameservers[0]: expected an IP address, got "x"', 22],
  ];
  it.each(table)("%s", (text, problem, column) => {
    const loaded = load([{ name: "/proc/cmdline", kind: "cmdline", text: `${text} ` }], { strict: true });
    expect(told(loaded)).toEqual([`warning ${problem}`]);
    expect(loaded.problems[0]).toMatchObject({ line: 1, column });
    expect(loaded.rejected).toEqual([]);
  });

  it("leave the others as they are", () => {
    const { config } = cmdline(
      "hostname=a_b k3os.token=x k3os.modules=/ k3os.modules=nbd k3os.labels[?]=1 k3os.labels.a=1",
    );
    expect(config).toEqual({ k3os: { token: "x", modules: ["nbd"], labels: { a: "1" } } });
  });
});

describe("splitting", () => {
  const written = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`;

  it("gives back whatever is written in quotes", () => {
    const key = fc.stringMatching(/^[a-z][a-z.]{0,9}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.string()), { maxLength: 5 }), (pairs) => {
        const line = pairs.map(([name, value]) => `${name}=${written(value)}`).join(" ");
        expect(words(line).map((word) => [word.key, word.value])).toEqual(pairs);
      }),
    );
  });

  it("never loses its way", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."a=\"'\\ .[]k") }), (line) => {
        for (const { keySpan, valueSpan } of words(line)) {
          expect(keySpan.start).toBeGreaterThanOrEqual(0);
          expect(keySpan.end).toBeLessThanOrEqual(line.length);
          expect(valueSpan.end).toBeLessThanOrEqual(line.length);
          expect(valueSpan.start).toBeLessThanOrEqual(valueSpan.end);
        }
      }),
    );
  });
});
