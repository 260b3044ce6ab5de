import { exit } from "qjs:std";
import { quickjsHost } from "../../host/quickjs.ts";
import { explain } from "../explain.ts";
import { type FetchRoot, init } from "./init.ts";

/** Runs the initrd's half of process 1. The exit status is 0 if there is a root. */
export function start(fetchRoot?: FetchRoot): void {
  const host = quickjsHost();
  init(host, fetchRoot).then(
    () => exit(0),
    (error) => exit(explain(host, error)),
  );
}
