import { K3osError } from "../../../errors.ts";
import { readTextIf } from "../../../host/files.ts";
import { sysctlPath } from "../../sysctl.ts";
import { setSysctl } from "../set-sysctls.ts";
import type { StepHandler } from "./handler.ts";

export const sysctl: StepHandler<"sysctl"> = {
  observe: (host, { key }) => readTextIf(host, sysctlPath(key)),
  apply(host, { key, value }) {
    const path = sysctlPath(key);
    if (host.stat(path) === undefined) throw new K3osError("config", `this kernel has no sysctl ${key}`);
    setSysctl(host, key, value);
  },
};
