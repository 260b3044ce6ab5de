import { describe, expect, it } from "vitest";
import { formatProblem, load } from "./index.ts";
import { loadText } from "./testing.ts";

/** Everything that is reported about a file, as a terminal shows it. */
function report(text: string, kind: "system" | "cmdline" = "system", name = "config.yaml"): string {
  return load([{ name, kind, text }]).problems.map(formatProblem).join("\n");
}

describe("a report", () => {
  it("shows all problems of a file at once, in their order", () => {
    const text = `hostname: my_host
write_files:
- path: etc/motd
  encoding: b64
  content: "aGk!"
- content: hi
k3os:
  lables: { a: b }
  labels:
    zone: [a, b]
    "foo bar": x
    node-role.kubernetes.io/worker:
  taints: dedicated:Noschedule
  dns_nameservers: [1.1.1.1, example.com]
  wifi: []
run_cmd:
- echo note: this is a map
packages: [vim]
`;
    expect(report(text)).toBe(`\
config.yaml:1:11 hostname: expected a host name, got "my_host"
 1 | hostname: my_host
   |           ^
   = hint: letters, digits and \`-\`; a \`-\` neither first nor last; at most 63 between dots
config.yaml:3:9 write_files[0].path: expected an absolute path, got "etc/motd"
 3 | - path: etc/motd
   |         ^
   = hint: begin the path with /
config.yaml:6:3 write_files[1].path: expected this key, got none
 6 | - content: hi
   |   ^
config.yaml:8:3 k3os.lables: warning: unknown key of \`k3os\`
 8 |   lables: { a: b }
   |   ^
   = hint: did you mean \`labels\`?
config.yaml:10:11 k3os.labels.zone: expected a string, got a list
 10 |     zone: [a, b]
    |           ^
config.yaml:11:5 k3os.labels["foo bar"]: expected the name of a label, got "foo bar"
 11 |     "foo bar": *
    |     ^
    = hint: \`name\` or \`example.com/name\`: letters, digits, \`.\`, \`_\`, \`-\`; at most 63, alphanumeric at both ends
config.yaml:12:5 k3os.labels["node-role.kubernetes.io/worker"]: warning: expected a label that a node may give itself, got "node-role.kubernetes.io/worker"
 12 |     node-role.kubernetes.io/worker:
    |     ^
    = hint: Kubernetes reserves it: set it with \`kubectl label node\`
config.yaml:13:11 k3os.taints[0]: expected a taint with an effect, got "dedicated:Noschedule"
 13 |   taints: dedicated:Noschedule
    |           ^
    = hint: such as \`key=value:NoSchedule\`; the effect is NoSchedule, PreferNoSchedule or NoExecute
config.yaml:14:30 k3os.dns_nameservers[1]: expected an IP address, got "example.com"
 14 |   dns_nameservers: [1.1.1.1, example.com]
    |                              ^
    = hint: such as 1.1.1.1 or 2606:4700:4700::1111
config.yaml:17:3 run_cmd[0]: expected a string, got a map
 17 | - echo note: this is a map
    |   ^
    = hint: put a text that contains \`: \` in quotes
config.yaml:18:1 packages: warning: a key of cloud-init that has no effect here
 18 | packages: [vim]
 ${"  "} | ^
 ${"  "} = hint: the system is immutable: packages are added when the image is built`);
  });

  it("points into base64", () => {
    expect(report('write_files:\n- path: /a\n  encoding: b64\n  content: "aGk!"\n')).toBe(`\
config.yaml:4:12 write_files[0].content: expected base64, got "!" as character 4
 4 |   content: "aGk!"
   |            ^
   = hint: is \`encoding\` right? \`base64 FILE\` prints what belongs here`);
  });

  it("shows the part of a long command line that matters", () => {
    const text = `BOOT_IMAGE=/k3os/system/kernel/current/vmlinuz ${"console=ttyS0 ".repeat(8)}hostname=a_b ${"x ".repeat(50)}`;
    expect(report(text, "cmdline", "/proc/cmdline")).toBe(
      `\
/proc/cmdline:1:169 hostname: warning: expected a host name, got "a_b"
 1 | …le=***** console=***** console=***** console=***** hostname=a_b x x x x x x x x x x x x x x x x x x…
   |                                                              ^
   = hint: letters, digits and \`-\`; a \`-\` neither first nor last; at most 63 between dots`,
    );
  });
});

describe("broken YAML", () => {
  const table: [text: string, place: string, message: string][] = [
    ["hostname: a\n\tb: c", "2:1", "expected spaces at the beginning of the line, got a tab"],
    ["k3os:\n  token: a\n b: c", "3:1", "expected another indentation"],
    ["run_cmd: [a, b", "1:15", "expected a closing bracket, a comma or a colon before this"],
    ["hostname: 'a\nrun_cmd: b\n", "1:11", "expected a closing quote, got the end of the text"],
    ['run_cmd:\n- echo "a\n- "b\n', "3:3", "expected a closing quote, got the end of the text"],
    ["hostname: a: b", "1:11", "expected one value, got `key: value` after a key"],
    ["hostname a\nk3os: b", "1:1", "expected `key: value` on one line"],
    ["hostname: @a", "1:11", "expected a value, got a character that needs quotes"],
    ['hostname: "\\q"', "1:12", "expected another letter after the backslash"],
    ["hostname: *a", "1:11", "expected the name of an anchor (&name) above this"],
    ["hostname: a\n---\nhostname: b\n", "2:1", "expected one YAML document, got several"],
    ["{[a]: b}", "1:2", "expected a word as key, got a list or a map"],
    ["hostname: a\n}", "2:1", "unexpected flow-map-end token in YAML stream"],
  ];
  it.each(table)("%j", (text, place, message) => {
    const { problems, rejected } = loadText(text);
    const [first] = problems;
    expect(`${first?.line}:${first?.column}`).toBe(place);
    expect(first?.message).toBe(message);
    expect(rejected).toEqual(["config.yaml"]);
  });
});

describe("secrets", () => {
  const secret = "hunter2";
  const table = [
    `k3os: { token: [${secret}] }`,
    `k3os: { token: "${secret} ${secret}" }`,
    `k3os:\n  token: |\n    ${secret}\n    ${secret}\n  labels: []\n`,
    `k3os: { token: ${secret}, labels: [] }`,
    `k3os: { tokn: ${secret} }`,
    `k3os: {token:${secret}}`,
    `k3os: token=${secret}`,
    `k3os:\n  token:${secret}\n`,
    `token: ${secret}`,
    `k3os:\n  password: "${secret}\n  token: a\n`,
    `k3os:\n  token: ${secret}: b\n`,
    `k3os:\n\ttoken: ${secret}\n`,
    `k3os:\n  token: |\n ${secret}\n`,
    `k3os:\n  password: "a\n${secret}\n`,
    `k3os: { token: @${secret} }`,
    `k3os: { token: "\\q${secret}" }`,
    `k3os: { environment: { A_TOKEN: [${secret}] } }`,
    `k3os: { environment: { A_TOKEN: "${secret}\\n" } }`,
    `k3os: { environment: "A_TOKEN=${secret}" }`,
    `k3os: { k3s_args: "server --token ${secret}" }`,
    `k3os: { k3s_args: [--cluster-secret=${secret}] }`,
    `k3os: { server_url: "https://user:${secret}@host" }`,
    `k3os: { whatever: ${secret} }`,
    `k3os: { users: [{ name: a, pass_phrase_: ${secret}, groups: {} }] }`,
    `k3os: { registries: { configs: { a: { auth: { passphrase: ${secret} } } } } }`,
    `k3os: { wifi: { name: a, pass: ${secret} } }`,
    `password: ${secret}\nchpasswd: { list: "root:${secret}" }`,
  ];
  it.each(table)("are hidden: %j", (text) => {
    const told = report(text);
    expect(told).not.toBe("");
    expect(told).not.toContain(secret);
  });

  it.each([
    `k3os.token="${secret} x" k3os.x=1`,
    `k3os.tokn=${secret}`,
    `k3os.x=1 other.password=${secret}`,
    `k3os.x=1 "run_cmd=k3s --token ${secret}"`,
    `k3os.x=1 k3os.token=${secret}`,
    `k3os.token.x=${secret}`,
    `k3os.environment.A-TOKEN=${secret}`,
    `k3os.token="${secret}`,
    `k3os.token ${secret}`,
    `k3os.whatever=${secret}`,
    `other=${secret} k3os.x=1`,
    `k3os.environment.A+B=${secret}`,
    `k3os.labels.a=--token=${secret}`,
  ])("are hidden on the command line: %j", (text) => {
    const told = report(text, "cmdline");
    expect(told).not.toBe("");
    expect(told).not.toContain(secret);
  });
});
