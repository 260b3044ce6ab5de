import { runAndExit } from "./command.ts";
import { installCommand } from "./installs/command.ts";

await runAndExit(installCommand);
