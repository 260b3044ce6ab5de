import { apiCommand } from "./apis/command.ts";
import { runAndExit } from "./command.ts";

await runAndExit(apiCommand);
