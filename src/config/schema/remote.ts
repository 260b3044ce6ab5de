/** Checks of proxies, registries and manifests. */
import { like } from "../values.ts";

export const proxyUrl = like(
  /^(https?|socks5h?):\/\/[^\s/]+\/?$/,
  "the URL of a proxy",
  "such as http://proxy.example.com:3128",
);

export const noProxy = like(/^[^\s]+$/, "a host, domain or range", "such as .example.com or 203.0.113.0/24");

export const registry = like(
  /^(\*|(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:\d{1,5})?)$/,
  "the host of a registry",
  "such as docker.io, or `*` for all others; no https:// before it",
);

export const registryUrl = like(
  /^https?:\/\/[^\s/]+(\/\S*)?$/,
  "the URL of a registry",
  "such as https://mirror.example.com",
);

export const manifestName = like(
  /^[A-Za-z0-9]([A-Za-z0-9._-]{0,250}[A-Za-z0-9])?$/,
  "the name of a file",
  "letters, digits, `.`, `_`, `-`; no folders",
);
