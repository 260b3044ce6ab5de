import { run } from "../../../host/run.ts";
import type { StepHandler } from "./handler.ts";

export const module: StepHandler<"module"> = {
  observe: (host, { name }) => host.stat(`/sys/module/${name.replaceAll("-", "_")}`) !== undefined,
  apply: async (host, { name, parameters }) => void (await run(host, ["modprobe", name, ...parameters])),
};
