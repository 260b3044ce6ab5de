import type { StepKind } from "./kind.ts";

/** dhcpcd and openresolv write the head before the servers from DHCP, and the tail after them. */
const RESOLV_HEAD = "/etc/resolv.conf.head";
const RESOLV_TAIL = "/etc/resolv.conf.tail";
const RESOLV_CONF = "/etc/resolv.conf";

export const dns: StepKind<"dns"> = {
  describe: ({ nameservers, search }) => `use name servers ${[...nameservers, ...search].join(" ")}`,
  files: ({ nameservers, search: domains, complete }) => {
    const servers = nameservers.map((server) => `nameserver ${server}\n`).join("");
    const search = domains.length === 0 ? "" : `search ${domains.join(" ")}\n`;
    return [
      { path: RESOLV_HEAD, content: servers, mode: 0o644 },
      // Of several `search` lines the last one counts (resolv.conf(5)).
      ...(search === "" ? [] : [{ path: RESOLV_TAIL, content: search, mode: 0o644 }]),
      ...(complete ? [{ path: RESOLV_CONF, content: servers + search, mode: 0o644 }] : []),
    ];
  },
};
