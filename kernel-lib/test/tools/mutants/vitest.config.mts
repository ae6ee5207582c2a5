import { defineConfig } from "vitest/config";

const room = process.env["MUTANTS_ROOM"] ?? "losses";
const patient = { testTimeout: 60_000, hookTimeout: 60_000 };
export default defineConfig({
  root: "kernel-lib",
  test: {
    include: [`test/${room}/**/*.test.ts`, ...(room === "answers" ? ["test/systems/**/*.test.ts"] : [])],
    exclude: ["**/*.slow.test.ts"],
    setupFiles: ["test/setup/guard.ts"],
    ...patient,
  },
});
