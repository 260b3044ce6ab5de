/** Checks of accounts and wireless networks. */
import { utf8 } from "../bytes.ts";
import type { Check } from "../kinds.ts";
import { all, like } from "../values.ts";

export const userName = like(
  /^[a-z_][a-z0-9_-]{0,31}$/,
  "the name of an account",
  "small letters, digits, `_`, `-`; a letter first; at most 32",
);

/** Accounts of the image. */
const SYSTEM_ACCOUNTS = /^(root|rancher|sshd|dhcpcd|_chrony|daemon|bin|sys|nobody)$/;

export const newUserName = all(userName, (text) =>
  SYSTEM_ACCOUNTS.test(text)
    ? {
        expected: "another name than that of an account of the system",
        hint: "rancher's keys and password are `ssh_authorized_keys` and `k3os.password`",
      }
    : undefined,
);

// The length counts in bytes, since a name is bytes on the air (IEEE 802.11).
export const ssid: Check = (text) =>
  text !== "" && utf8(text).length <= 32 ? undefined : { expected: "a name of 1 to 32 bytes" };

export const passphrase = all(
  like(/^([\x20-\x7e]{8,63}|[0-9A-Fa-f]{64})$/, "8 to 63 ASCII characters"),
  // In wpa_supplicant's file, a # after the second quotation mark of a line starts a comment. The value's own opening
  // quotation mark is the first one.
  like(
    /^(?!.*".*#)/,
    'a passphrase without a `#` behind a `"`',
    "the key itself does, 64 digits: `wpa_passphrase NAME`",
  ),
);
