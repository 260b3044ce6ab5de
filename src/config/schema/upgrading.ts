/** Checks of sources, channels, windows and health checks. */
import type { Check } from "../kinds.ts";
import { like } from "../values.ts";

export const imageSource = like(
  /^(https?:\/\/[^\s/]\S*|\/\S*|oci:\/\/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?\/[a-z0-9]+([._/-]+[a-z0-9]+)*)$/,
  "the URL or the path of a directory with an index, or oci://REGISTRY/REPOSITORY",
  "such as https://example.com/k3os or oci://registry.example.com/k3os; the channel is a key of its own",
);

export const channel = like(
  /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/,
  "the name of a channel",
  "such as stable: small letters, digits, `.` and `-`; at most 63",
);

export const weekday = like(/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)$/, "a day", "Mon, Tue, Wed, Thu, Fri, Sat or Sun");

export const timeOfDay = like(/^([01]\d|2[0-3]):[0-5]\d$/, "a time of the day", "such as 02:00 or 23:30");

export const namespace = like(
  /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
  "the name of a namespace",
  "small letters, digits and `-`; at most 63",
);

const KEY = "[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?";
const VALUE = "([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?";
const TERM = `(!?${KEY}|${KEY} *(=|==|!=) *${VALUE}|${KEY} +(in|notin) +\\( *${VALUE}( *, *${VALUE})* *\\))`;

export const podSelector: Check = like(
  new RegExp(`^${TERM}( *, *${TERM})*$`),
  "a selector of labels",
  "such as `app=nginx` or `app=nginx,tier!=test`",
);
