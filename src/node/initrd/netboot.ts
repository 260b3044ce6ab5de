import { fetchRoot } from "./fetch-root.ts";
import { start } from "./start.ts";

start(fetchRoot);
