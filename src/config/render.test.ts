import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quote, render, type Step } from "./index.ts";
import { SYSTEM, steps } from "./plan.cases.ts";
import { shellWords } from "./plan.ts";
import { environmentText } from "./steps/environment.ts";

describe("rendered files", () => {
  const rendered = (text: string, kind: Step["kind"], existing?: string) => {
    const step = steps(text).find((one) => one.kind === kind) as Step;
    return render(step, () => existing)?.map(({ path, content, mode }) => [path, content, mode.toString(8)]);
  };

  it("for names, time and k3s", () => {
    expect(rendered("k3os: { dns_nameservers: [1.1.1.1] }", "dns")).toEqual([
      ["/etc/resolv.conf.head", "nameserver 1.1.1.1\n", "644"],
    ]);
    expect(rendered("k3os: { ntp_servers: [a, b] }", "ntp")).toEqual([
      ["/etc/chrony/sources.d/k3os.sources", "server a iburst\nserver b iburst\n", "644"],
    ]);
    expect(rendered("k3os: { token: it's, k3s_args: [server, '--kubelet-arg=a b'] }", "k3s")).toEqual([
      ["/etc/conf.d/k3s", `K3S_ARGS='server '\\''--kubelet-arg=a b'\\'' ${SYSTEM.join(" ")}'\n`, "644"],
      ["/etc/rancher/k3s/k3s-service.env", "K3S_TOKEN='it'\\''s'\n", "600"],
    ]);
  });

  it("for registries, which only root may read", () => {
    const text = `k3os: { registries: {
      mirrors: { docker.io: { endpoints: https://mirror, rewrite: { "^a/(.*)": "b/$1" } }, "*": },
      configs: { "mirror:5000": { auth: { username: u, password: 12 }, tls: { insecureSkipVerify: true, ca_file: /ca.pem } } } } }`;
    expect(rendered(text, "registries")).toEqual([
      [
        "/etc/rancher/k3s/registries.yaml",
        `mirrors:
  docker.io:
    endpoint:
      - https://mirror
    rewrite:
      ^a/(.*): b/$1
  "*": {}
configs:
  mirror:5000:
    auth:
      username: u
      password: "12"
    tls:
      ca_file: /ca.pem
      insecure_skip_verify: true
`,
        "600",
      ],
    ]);
  });

  it("for the environment, merged into what is there", () => {
    const before = "# shipped\nK3S_KUBECONFIG_MODE=0644\nexport A=old\nB=1\nA=again\n";
    const variables = { A: "new one", C: "it's $5", D: "x" };
    const after = `# shipped\nK3S_KUBECONFIG_MODE=0644\nA='new one'\nB=1\nC="it's \\$5"\nD=x\n`;
    expect(environmentText(variables, before)).toBe(after);
    expect(environmentText(variables, after)).toBe(after);
    expect(environmentText({ A: "" }, "")).toBe("A=''\n");
    expect(environmentText({}, "A=1")).toBe("A=1");
  });
});

describe("quoting", () => {
  const texts = fc.array(fc.string({ unit: fc.constantFrom(..."a'\"\\$`~*! \n\t;&|<>(){}#=é") }), {
    minLength: 1,
    maxLength: 200,
  });

  it("is understood by a shell, once, and twice with eval", () => {
    const [words = []] = fc.sample(texts, 1);
    const script = `set -- ${words.map(quote).join(" ")}\nprintf '%s\\0' "$@"\nX=${quote(words.map(quote).join(" "))}\neval "set -- $X"\nprintf '%s\\0' "$@"`;
    const heard = execFileSync("/bin/sh", ["-c", script], { encoding: "utf8" }).split("\0").slice(0, -1);
    expect(heard).toEqual([...words, ...words]);
  });

  it("is undone by splitting", () => {
    expect(shellWords(`a  "b c" 'd e'f "g\\"h" 'i"j' k='l m' "`)).toEqual([
      "a",
      "b c",
      "d ef",
      'g"h',
      'i"j',
      "k=l m",
      '"',
    ]);
  });
});
