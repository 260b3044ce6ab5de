import { bootCommand } from "./boots/command.ts";
import { runAndExit } from "./command.ts";

await runAndExit(bootCommand);
