import { expect, it } from "vitest";
import { redact, toYaml } from "./index.ts";
import { loadText } from "./testing.ts";

it("redacts what is secret, and only that", () => {
  const { config } = loadText(`
hostname: a
k3os:
  token: hunter2
  password: hunter2
  k3s_args: [server, --token=hunter2, --agent-token, hunter2, "--token hunter2", --datastore-endpoint=hunter2, --disable=x]
  environment: { AWS_SECRET_ACCESS_KEY: hunter2, HTTPS_PROXY: "http://me:hunter2@proxy:1", A: b }
  wifi: [{ name: home, pass: hunter2222 }]
  users: [{ name: ada, password: hunter2 }]
  proxy: { http: "http://me:hunter2@proxy:1" }
  registries: { configs: { a: { auth: { username: me, password: hunter2, identity_token: hunter2 } } } }
  manifests: [{ name: app, url: "https://me:hunter2@host/app.yaml" }]
  install: { config_url: "https://me:hunter2@host/config" }
`);
  expect(toYaml(redact(config))).toBe(`hostname: a
k3os:
  wifi:
    - name: home
      passphrase: (hidden)
  password: (hidden)
  token: (hidden)
  k3s_args:
    - server
    - --token=(hidden)
    - --agent-token
    - (hidden)
    - --token (hidden)
    - --datastore-endpoint=(hidden)
    - --disable=x
  environment:
    AWS_SECRET_ACCESS_KEY: (hidden)
    HTTPS_PROXY: http://(hidden)@proxy:1
    A: b
  users:
    - name: ada
      password: (hidden)
  proxy:
    http: http://(hidden)@proxy:1
  registries:
    configs:
      a:
        auth:
          username: me
          password: (hidden)
          identity_token: (hidden)
  manifests:
    - name: app
      url: https://(hidden)@host/app.yaml
  install:
    config_url: https://(hidden)@host/config
`);
});
