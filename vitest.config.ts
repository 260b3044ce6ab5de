import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "bench/**/*.test.ts"],
          // No test changes what another one sees, and loading every module anew for each file took most of the time.
          pool: "threads",
          isolate: false,
        },
      },
      {
        test: {
          name: "vm",
          include: ["test/vm/**/*.test.ts"],
          poolOptions: { forks: { singleFork: true } },
          testTimeout: 240_000,
          hookTimeout: 900_000,
        },
      },
    ],
  },
});
