import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "../base/errors";
import { repositoryRoot } from "../base/paths";
import { type CheckResult, type Counts, formatTable, formatTotal, judge, runNode } from "./check";
import { readVitestReport } from "./vitest-report";

/** Checks that read the code without running it, cheapest to understand first. */
const STATIC = [
  { name: "type check", parameters: ["node_modules/typescript/bin/tsc", "-p", "kernel-lib/tsconfig.test.json"] },
  { name: "lint", parameters: ["node_modules/@biomejs/biome/bin/biome", "ci", "--colors=off"] },
  {
    name: "import rules",
    parameters: [
      "node_modules/dependency-cruiser/bin/dependency-cruise.mjs",
      ...["--config", ".dependency-cruiser.cjs", "kernel-lib/src"],
    ],
  },
];

async function timed(name: string, work: () => Promise<Counts>): Promise<CheckResult> {
  process.stdout.write(`\n${name} …\n`);
  const begun = performance.now();
  const counts = await work();
  return { name, ...counts, seconds: (performance.now() - begun) / 1000 };
}

function runStatic(root: string, check: (typeof STATIC)[number]): Promise<CheckResult> {
  return timed(check.name, async () => {
    const code = await runNode({ parameters: check.parameters, cwd: root, show: "onFailure" });
    return code === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
  });
}

/** vitest's projects by what they are called here. */
const PROJECTS = { fast: ["fast", "alone"], slow: ["slow"] } as const;

function runVitest(root: string, tests: keyof typeof PROJECTS): Promise<CheckResult> {
  return timed(`${tests} tests`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "jomed-test-"));
    const report = join(folder, "report.json");
    const parameters = [
      "node_modules/vitest/vitest.mjs",
      ...["run", "--config", "./kernel-lib/vitest.config.ts"],
      ...PROJECTS[tests].flatMap((project) => ["--project", project]),
      ...["--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
    ];
    try {
      const code = await runNode({ parameters, cwd: root, show: "always" });
      return judge(readVitestReport(report), code);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

/**
 * `npm test`: type check, lint, import rules, fast and slow tests; all of them run whatever fails before.
 * The last line is `N passed, N failed`, with `, N skipped` where there are any.
 *
 * @param argv `--fast` leaves the slow tests out.
 * @returns the exit code: 0 when nothing failed.
 * @throws ConfigError for any other argument.
 */
export async function main(argv: readonly string[]): Promise<number> {
  const unknown = argv.find((word) => word !== "--fast");
  if (unknown !== undefined) {
    throw new ConfigError(
      `test: argument must be --fast or nothing; got "${unknown}". For one file use npx vitest run --config ./kernel-lib/vitest.config.ts <file>.`,
    );
  }
  const root = repositoryRoot();
  const parts = argv.includes("--fast") ? (["fast"] as const) : (["fast", "slow"] as const);
  const results: CheckResult[] = [];
  for (const check of STATIC) results.push(await runStatic(root, check));
  for (const part of parts) results.push(await runVitest(root, part));
  process.stdout.write(`\n${formatTable(results)}\n\n${formatTotal(results)}\n`);
  return results.every((result) => result.failed === 0) ? 0 : 1;
}
