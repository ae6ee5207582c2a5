import { defineConfig } from "vitest/config";

const names = process.env["JOMED_TESTS"] ?? "fast";
const include: Record<string, string[]> = {
  fast: ["test/**/*.test.ts"],
  slow: ["test/**/*.slow.test.ts"],
  all: ["test/**/*.test.ts"],
};

export default defineConfig({
  test: {
    root: __dirname,
    include: include[names] ?? include["fast"]!,
    exclude: names === "fast" ? ["test/**/*.slow.test.ts"] : [],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 20_000,
    globals: false,
  },
});
