import { withoutUserInfo } from "../secrets.ts";
import type { StepKind } from "./kind.ts";

export const remoteManifest: StepKind<"remote-manifest"> = {
  describe: ({ name, url }) => `fetch the manifest ${name} from ${withoutUserInfo(url)}`,
  isSatisfied: (_, isThere) => isThere,
};
