// Mutants of one room, tried by the tests of that room: see docs/mutants.md.
const room = process.env.MUTANTS_ROOM ?? "losses";
export default {
  testRunner: "vitest",
  plugins: ["@stryker-mutator/vitest-runner"],
  vitest: { configFile: "kernel-lib/test/tools/mutants/vitest.config.mts", related: false },
  mutate: [`kernel-lib/src/${room}/**/*.ts`, "!**/index.ts"],
  coverageAnalysis: "perTest",
  concurrency: 1,
  tsconfigFile: "none.json", // Stryker 9 would rewrite it with a compiler of another generation
  ignorePatterns: ["/data/raw", "/data/artifacts", "/figures", "/notebooks", "/kernel-lib/native"],
  reporters: ["clear-text", "json"],
  jsonReporter: { fileName: `mutants-${room}.json` },
  timeoutMS: 60_000,
  dryRunTimeoutMinutes: 20,
};
