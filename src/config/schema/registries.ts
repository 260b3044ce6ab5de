import { flag, list, map, struct, text } from "../kinds.ts";
import * as values from "../values.ts";
import { registry, registryUrl } from "./remote.ts";

const mirror = struct(
  {
    endpoint: list(text({ check: registryUrl }), {
      about: "Where images are pulled from, the first that answers.",
      aliases: ["endpoints"],
      example: "[https://mirror.example.com]",
    }),
    rewrite: map(text({ about: "What takes its place." }), {
      about: "Patterns of image names, and what takes their place.",
      aliases: ["rewrites"],
      checkKey: values.notEmpty,
      example: '{ "^library/(.*)": "mirror/$1" }',
    }),
  },
  { about: "The mirrors of one registry." },
);

const auth = struct(
  {
    username: text({ about: "The user's name.", example: "robot" }),
    password: text({ about: "The user's password.", example: "change-me", secret: true }),
    auth: text({ about: "Both in base64, as docker keeps them.", example: "cm9ib3Q6eA==", secret: true }),
    identity_token: text({ about: "A token instead.", example: "change-me", secret: true }),
  },
  { about: "How to log in." },
);

const tls = struct(
  {
    ca_file: text({
      about: "The CA that signed the registry's certificate.",
      check: values.filePath,
      example: "/etc/ssl/ca.pem",
    }),
    cert_file: text({ about: "The node's certificate.", check: values.filePath, example: "/etc/ssl/node.pem" }),
    key_file: text({ about: "The key of it.", check: values.filePath, example: "/etc/ssl/node.key" }),
    insecure_skip_verify: flag({ about: "Take any certificate.", example: "false" }),
  },
  { about: "How to trust it." },
);

// Inline, its type would ask for both keys.
const server = struct({ auth, tls }, { about: "One registry or mirror." });

export const registries = struct(
  {
    mirrors: map(mirror, { about: "By registry, `*` for all others.", checkKey: registry }),
    configs: map(server, {
      about: "By host of a registry or mirror.",
      checkKey: registry,
    }),
  },
  { about: "Where images come from: the content of /etc/rancher/k3s/registries.yaml, which only root can read." },
);
