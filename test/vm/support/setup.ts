/** A worker whose runner was killed would go on: with nobody to tell, it keeps all that it has to say. (Vitest has `exit` for itself.) */
process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
