import type { Found } from "./clouds.ts";

/**
 * Reads ovf-env.xml from the disc that Azure attaches until the machine reports that it is ready. It has host name,
 * keys and the custom data, which is nowhere else. Namespaces may have any prefix. Throws if the text is something
 * else.
 */
export function readOvfEnvironment(text: string): Found {
  const section = elementOf(text, "LinuxProvisioningConfigurationSet");
  if (section === undefined) throw new TypeError("no provisioning of Linux");
  const keys = [...section.matchAll(/<(?:[\w-]+:)?Value(?:\s[^>]*)?>([^<]*)</g)].map(([, value = ""]) =>
    unescaped(value).trim(),
  );
  return {
    hostname: textOf(section, "HostName"),
    keys: keys.filter((key) => key !== ""),
    userdata: textOf(section, "CustomData"),
  };
}

/** The raw content of the first element with that name. */
function elementOf(xml: string, name: string): string | undefined {
  return new RegExp(`<((?:[\\w-]+:)?${name})(?:\\s[^>]*)?>([\\s\\S]*?)</\\1\\s*>`).exec(xml)?.[2];
}

function textOf(xml: string, name: string): string | undefined {
  return unescaped(elementOf(xml, name) ?? "").trim() || undefined;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function unescaped(text: string): string {
  return text.replace(/&(\w+);/g, (all, name: string) => ENTITIES[name] ?? all);
}
