import { struct, text } from "../kinds.ts";
import * as values from "../values.ts";

export const wifi = struct(
  {
    name: text({ about: "The network's name (SSID).", check: values.ssid, example: "home" }),
    passphrase: text({
      about: "8 to 63 characters, or 64 hexadecimal digits; none for an open network.",
      check: values.passphrase,
      aliases: ["pass", "password"],
      example: "correct horse",
      secret: true,
    }),
  },
  { about: "One network.", needed: ["name"] },
);
