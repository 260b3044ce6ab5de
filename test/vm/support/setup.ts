/**
 * Ends this worker when vitest's main process is gone: it would run on otherwise, with nobody to report to. It takes a
 * signal, because vitest replaces `process.exit`.
 */
process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
