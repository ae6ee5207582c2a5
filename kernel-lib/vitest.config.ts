const ALONE = "test/**/*.alone.test.ts";
const SLOW = "test/**/*.slow.test.ts";
const shared = { include: ["test/**/*.test.ts"], setupFiles: ["test/setup/guard.ts"] };
const patient = { testTimeout: 60_000, hookTimeout: 60_000 };

/** The files that take longest, longest first: begun last, one of them would run alone at the end. */
const LONGEST = [
  "notebook/all-notebooks",
  "experiments/knowledge",
  "data/formats/mutations",
  "phantoms/knowledge-probes",
  "notebook/plain-tslab",
  "figures/draw",
  "mutated/kept-files",
].map((name) => `/test/${name}.slow.test.ts`);

type Sequencer = import("vitest/node").TestSequencer;

/** The longest files first, the others as they come. */
class LongestFirst implements Sequencer {
  shard: Sequencer["shard"] = async (files) => files;

  sort: Sequencer["sort"] = async (files) => {
    const rank = ({ moduleId }: (typeof files)[number]) => LONGEST.findIndex((name) => moduleId.endsWith(name));
    const first = files.filter((file) => rank(file) >= 0).sort((a, b) => rank(a) - rank(b));
    return [...first, ...files.filter((file) => rank(file) < 0)];
  };
}

/**
 * Three projects: `fast` (a file takes up to about 2 s; files share two processes, which load the library once), `alone` (as
 * fast, in processes of their own: files that mock a module or choose an engine) and `slow` (trainings, notebooks, browser).
 */
const config: import("vitest/config").ViteUserConfig = {
  root: __dirname,
  test: {
    pool: "forks",
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { ...shared, ...patient, name: "fast", exclude: [ALONE, SLOW], isolate: false } },
      { extends: true, test: { ...shared, ...patient, name: "alone", include: [ALONE] } },
      {
        extends: true,
        test: {
          ...shared,
          name: "slow",
          include: [SLOW],
          globalSetup: ["test/setup/drawn-folder.ts"],
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
};

module.exports = config;
