import { withoutUserInfo } from "../secrets.ts";
import type { StepKind } from "./kind.ts";

export const remoteKeys: StepKind<"remote-keys"> = {
  describe: ({ user, sources }) =>
    `let the keys of ${sources.map(({ source }) => withoutUserInfo(source)).join(", ")} log in as ${user}`,
};
