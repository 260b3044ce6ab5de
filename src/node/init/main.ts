import { exit } from "qjs:std";
import { quickjsHost } from "../../host/quickjs.ts";
import { explain } from "../explain.ts";
import { init } from "./init.ts";

const host = quickjsHost();
init(host).then(
  () => exit(0),
  (error) => exit(explain(host, error)),
);
