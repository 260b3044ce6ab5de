import { runAndExit } from "./exit.ts";

runAndExit(process.argv.slice(2));
