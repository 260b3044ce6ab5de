// biome-ignore-all lint/style/noRestrictedGlobals: Intl is asked for only where the engine has it.
import type { Check, Complaint } from "../kinds.ts";
import { like } from "../values.ts";

const ZONE = like(
  /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+){0,2}$/,
  "a time zone",
  "such as Europe/Berlin or UTC, a name below /usr/share/zoneinfo",
);

/** Where the engine knows the time zones (QuickJS does not), an unknown name is reported before a node gets it. */
export const timezone: Check = Object.assign((text: string): Complaint | undefined => {
  const complaint = ZONE(text);
  if (complaint !== undefined || typeof Intl === "undefined") return complaint;
  try {
    new Intl.DateTimeFormat("en", { timeZone: text });
    return undefined;
  } catch {
    return { weight: "ignored", expected: "a time zone that exists", hint: "such as Europe/Berlin or UTC" };
  }
}, ZONE);
