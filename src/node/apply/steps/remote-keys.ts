import { withoutUserInfo } from "../../../config/secrets.ts";
import { fetchedKeysPath } from "../../../config/steps/authorized-keys.ts";
import { K3osError } from "../../../errors.ts";
import { parentOf } from "../../../host/files.ts";
import type { Host } from "../../../host/host.ts";
import { reasonOf } from "../../failure.ts";
import { writeNotedFiles } from "../write.ts";
import type { StepHandler } from "./handler.ts";

export const remoteKeys: StepHandler<"remote-keys"> = {
  /**
   * Fetches keys, keeps them for boots without network, and writes them beside those of the config. If a source does
   * not answer, its earlier keys stay. The failure is thrown after the other keys are in place.
   */
  async apply(host, { phase, user, keys, sources }) {
    const { fetchText } = await import("../fetch.ts");
    const urls = sources.map(({ url }) => url);
    const failures: string[] = [];
    for (const url of urls) {
      try {
        keepKeys(host, url, await fetchText(host, url));
      } catch (error) {
        failures.push(reasonOf(error));
      }
    }
    writeNotedFiles(host, { phase, kind: "authorized-keys", user, keys, urls });
    if (failures.length > 0) throw new K3osError("network", failures.join("; "));
  },
};

function keepKeys(host: Host, url: string, text: string): void {
  const lines = text.split("\n").filter((line) => /^(ssh|ecdsa|sk-)/.test(line));
  if (lines.length === 0) throw new K3osError("network", `${withoutUserInfo(url)} has no ssh keys`);
  const path = fetchedKeysPath(url);
  // The file name contains the URL, which may contain a password.
  host.mkdir(parentOf(path), { mode: 0o700 });
  host.write(path, lines.map((line) => `${line}\n`).join(""), { mode: 0o600 });
}
