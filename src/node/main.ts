import { exit } from "qjs:std";
import { quickjsHost } from "../host/quickjs.ts";
import { main } from "./cli/main.ts";

// No top-level await: QuickJS would run one promise job per poll until the module is evaluated.
main(quickjsHost(), scriptArgs.slice(1)).then(exit);
