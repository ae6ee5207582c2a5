const SLOW = "test/**/*.slow.test.ts";
const shared = { include: ["test/**/*.test.ts"], setupFiles: ["test/setup/guard.ts"] };

/** Two projects: `fast` (a file takes up to about 2 s) and `slow` (trainings, notebooks, browser). */
const config: import("vitest/config").ViteUserConfig = {
  root: __dirname,
  test: {
    pool: "forks",
    maxWorkers: 2,
    projects: [
      { extends: true, test: { ...shared, name: "fast", exclude: [SLOW], testTimeout: 60_000, hookTimeout: 60_000 } },
      { extends: true, test: { ...shared, name: "slow", include: [SLOW], testTimeout: 600_000, hookTimeout: 600_000 } },
    ],
  },
};

module.exports = config;
