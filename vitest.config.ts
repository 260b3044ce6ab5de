import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["src/**/*.test.ts", "bench/**/*.test.ts"], pool: "forks" } },
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
