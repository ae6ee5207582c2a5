const ALONE = "test/**/*.alone.test.ts";
const SLOW = "test/**/*.slow.test.ts";
const shared = { include: ["test/**/*.test.ts"], setupFiles: ["test/setup/guard.ts"] };
const patient = { testTimeout: 60_000, hookTimeout: 60_000 };

/**
 * Three projects: `fast` (a file takes up to about 2 s; files share two processes, which load the library once), `alone` (as
 * fast, in processes of their own: files that mock a module or choose an engine) and `slow` (trainings, notebooks, browser).
 */
const config: import("vitest/config").ViteUserConfig = {
  root: __dirname,
  test: {
    pool: "forks",
    maxWorkers: 2,
    projects: [
      { extends: true, test: { ...shared, ...patient, name: "fast", exclude: [ALONE, SLOW], isolate: false } },
      { extends: true, test: { ...shared, ...patient, name: "alone", include: [ALONE] } },
      { extends: true, test: { ...shared, name: "slow", include: [SLOW], testTimeout: 600_000, hookTimeout: 600_000 } },
    ],
  },
};

module.exports = config;
