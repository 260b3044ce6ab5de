import { type Infer, struct, text } from "../kinds.ts";
import { passphrase, ssid } from "./access.ts";

export const wifi = struct(
  {
    name: text({ about: "The network's name (SSID).", check: ssid, example: "home" }),
    passphrase: text({
      about: "8 to 63 characters, or 64 hexadecimal digits; none for an open network.",
      check: passphrase,
      aliases: ["pass", "password"],
      example: "correct horse",
      secret: true,
    }),
  },
  { needed: ["name"] },
);

/** A network without a passphrase is open. */
export type Wifi = Infer<typeof wifi>;
