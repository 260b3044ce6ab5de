import { base64Flaw, latin1 } from "../bytes.ts";
import { type Infer, struct, text } from "../kinds.ts";
import * as values from "../values.ts";

/** In old k3OS, a connman file was the only way to set a fixed address. k3OS has no connman any more. */
const path = values.all(values.filePath, (text) =>
  /^\/(var\/lib|etc)\/connman\//.test(text)
    ? { weight: "warning", expected: "a file that something reads", hint: "connman is gone: use `k3os.network`" }
    : undefined,
);

export const file = struct(
  {
    path: text({ about: "Where the file goes. Directories are made.", check: path, example: "/etc/motd" }),
    content: text({ about: "The file, encoded as `encoding` says.", example: "Welcome" }),
    encoding: text({
      about: "base64, gzip or gz+b64; plain text if not given.",
      check: values.encoding,
      example: "b64",
    }),
    permissions: text({ about: "Octal; 0644 if not given.", check: values.permissions, example: "0600" }),
    owner: text({ about: "As chown takes it; root if not given.", check: values.owner, example: "rancher:rancher" }),
  },
  { needed: ["path"], check: checkContent },
);

export type ConfigFile = Infer<typeof file>;

function checkContent(value: Readonly<Record<string, unknown>>) {
  const content = String(value.content ?? "");
  const steps = values.ENCODINGS[String(value.encoding ?? "").toLowerCase()] ?? [];
  const flaw = steps[0] === "base64" ? base64Flaw(content) : undefined;
  if (flaw !== undefined) {
    const hint = "is `encoding` right? `base64 FILE` prints what belongs here";
    return { key: "content", expected: "base64", got: flaw, hint };
  }
  if (steps[0] === "gzip" && latin1(content) === undefined) {
    return { key: "content", expected: "gzip", got: "text", hint: "bytes do not survive in YAML: use encoding gz+b64" };
  }
  return undefined;
}
