import { isMainThread } from "node:worker_threads";
import { runAndExit } from "./command.ts";
import { fuzzCommand } from "./fuzzing/command.ts";
import { work } from "./fuzzing/worker.ts";

if (isMainThread) await runAndExit(fuzzCommand);
else work();
