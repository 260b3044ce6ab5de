import { type Infer, struct, text } from "../kinds.ts";
import * as values from "../values.ts";
import { httpUrl } from "./places.ts";
import { manifestName } from "./remote.ts";

export const manifest = struct(
  {
    name: text({
      about: "The file's name in server/manifests; `.yaml` is added.",
      check: manifestName,
      example: "my-app",
    }),
    content: text({
      about: "The manifest.",
      check: values.notEmpty,
      example: "'{ apiVersion: v1, kind: Namespace, metadata: { name: my-app } }'",
    }),
    url: text({
      about: "Where it is fetched instead.",
      check: httpUrl,
      example: "https://example.com/my-app.yaml",
    }),
  },
  { needed: ["name"], check: checkSource },
);

export type Manifest = Infer<typeof manifest>;

function checkSource({ content, url }: Readonly<Record<string, unknown>>) {
  if (content !== undefined && url !== undefined) {
    return { key: "url", expected: "either `content` or `url`", got: "both" };
  }
  if (content !== undefined || url !== undefined) return undefined;
  return { key: "content", expected: "`content` or `url`", got: "neither" };
}
