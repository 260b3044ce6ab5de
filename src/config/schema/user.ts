import { flag, type Infer, list, struct, text } from "../kinds.ts";
import * as values from "../values.ts";
import { newUserName, userName } from "./access.ts";

export const user = struct(
  {
    name: text({ about: "The name to log in with.", check: newUserName, example: "ada" }),
    ssh_authorized_keys: list(text({ check: values.sshKey }), {
      about: "Who may log in as this user; as at the top of the file.",
      example: "[github:octocat]",
    }),
    password: text({
      about: "For the console, plain or as crypt(5) prints it; none if not given.",
      check: values.password,
      aliases: ["passwd", "hashed_passwd", "plain_text_passwd"],
      example: "$y$j9T$…",
      secret: true,
    }),
    groups: list(text({ check: userName }), {
      about: "More groups; they must exist.",
      example: "[adm]",
    }),
    shell: text({ about: "The shell; /bin/bash if not given.", check: values.filePath, example: "/bin/sh" }),
    sudo: flag({ about: "Whether this user may become root, without a password.", example: "true" }),
  },
  { needed: ["name"] },
);

export type User = Infer<typeof user>;
