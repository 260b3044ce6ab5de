/** Test support: a curl that asks a service in this process. */
import type { ExecOptions, ExecResult } from "../../host/host.ts";
import type { MemoryHost } from "../../host/memory.ts";
import type { Answer, Asked } from "./clouds.cases.ts";

/** A curl for our `--config -`. `host` is a function, because the host is made with this program. */
export function fakeCurl(host: () => MemoryHost, answer: (asked: Asked) => Answer | undefined) {
  return (_argv: readonly string[], { input }: ExecOptions): Partial<ExecResult> => {
    let stdout = "";
    for (const section of String(input).split("next\n")) {
      const options = [...section.matchAll(/^([\w-]+) = (?:"((?:[^"\\]|\\.)*)"|(\S+))$/gm)].map(
        ([, name = "", quoted, plain = ""]) =>
          [name, quoted?.replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c)) ?? plain] as const,
      );
      const of = (wanted: string) => options.find(([name]) => name === wanted)?.[1];
      const headers = options.filter(([name]) => name === "header").map(([, header]) => header.split(": "));
      const method = of("request") ?? "GET";
      const asked: Asked = {
        method,
        url: new URL(of("url") ?? ""),
        headers: Object.fromEntries(headers.map(([name = "", value = ""]) => [name.toLowerCase(), value])),
        ...(of("data-binary") !== undefined && { body: of("data-binary") as string }),
      };
      const { status, body } = answer(asked) ?? { status: 0, body: "" };
      if (status !== 0) host().write(of("output") ?? "", body);
      stdout += `${of("output")} ${String(status).padStart(3, "0")}\n`;
    }
    return { stdout };
  };
}

/** Bytes as text, for comparisons. */
export function texts(files: Readonly<Record<string, string | Uint8Array | undefined>> | undefined) {
  if (files === undefined) return undefined;
  const entries = Object.entries(files).map(([name, content]) => [name, Buffer.from(content ?? "").toString()]);
  return Object.fromEntries(entries) as Record<string, string>;
}
