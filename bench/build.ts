import { buildBenchCommand } from "./builds/command.ts";
import { runAndExit } from "./command.ts";

await runAndExit(buildBenchCommand);
