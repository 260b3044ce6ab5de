import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // No unit test changes what another one sees, and loading every module anew for each file took most of the time.
    poolOptions: { threads: { isolate: false } },
    projects: [
      { test: { name: "unit", include: ["src/**/*.test.ts", "bench/**/*.test.ts"], pool: "threads" } },
      {
        test: {
          name: "vm",
          include: ["test/vm/**/*.test.ts"],
          setupFiles: ["test/vm/support/setup.ts"],
          poolOptions: { forks: { singleFork: true } },
          testTimeout: 240_000,
          hookTimeout: 900_000,
        },
      },
    ],
  },
});
