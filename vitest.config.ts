import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // No unit test changes what another one sees, and loading every module anew for each file took most of the time.
    poolOptions: { threads: { isolate: false } },
    projects: [
      { test: { name: "unit", include: ["src/**/*.test.ts", "bench/**/*.test.ts"], pool: "threads" } },
      {
        test: {
          name: "api",
          include: ["test/api/**/*.test.ts"],
          // One server for all files, which run one after the other.
          globalSetup: ["test/api/support/server.ts"],
          poolOptions: { forks: { singleFork: true } },
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "vm",
          include: ["test/vm/**/*.test.ts"],
          setupFiles: ["test/vm/support/setup.ts"],
          poolOptions: { forks: { singleFork: true } },
          testTimeout: 600_000,
          hookTimeout: 900_000,
        },
      },
    ],
  },
});
