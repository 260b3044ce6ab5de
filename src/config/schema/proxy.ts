import { type Infer, list, struct, text } from "../kinds.ts";
import { noProxy, proxyUrl } from "./remote.ts";

export const proxy = struct(
  {
    http: text({ about: "The proxy for http.", check: proxyUrl, example: "http://proxy.example.com:3128" }),
    https: text({
      about: "The proxy for https; that of http if not given.",
      check: proxyUrl,
      example: "http://proxy.example.com:3128",
    }),
    no_proxy: list(text({ about: "A host, domain or range.", check: noProxy }), {
      about: "What is reached without it, beside the cluster's ranges, private addresses and the node's own.",
      example: "[.example.com, 203.0.113.0/24]",
    }),
  },
  { about: "The proxy of k3s, containerd and whoever logs in; one with a password is for k3s and containerd alone." },
);

export type Proxy = Infer<typeof proxy>;
