import { relative, resolve } from "node:path";
import { ConfigError } from "../base/errors";
import { repositoryRoot } from "../base/paths";
import { loadProtocol, type Protocol, type ReportPlan, reportOf } from "../experiments/protocol";
import { assertReportable, assertTrial, type RecordOptions, recordGrid, recordReport } from "../experiments/record";
import { resultsFile, writeResults } from "../experiments/stored-results";
import { readWords, runCommand } from "./command";
import { describeFailure, type GridCommand, runGridCommand } from "./grid";
import { resultsMarkdown, writePages } from "./results-pages";
import { createTerminalProgress, type TerminalProgress, terminalControl } from "./terminal-progress";

// npm run results: runs what data/protocol.json registers, stores the tables, draws them into the pages.

const HELP = `npm run results -- [NAME …] [--dry-run | --status] [--seeds 101,102 --out FILE] [--checkpoints DIR]
NAME         reports of data/protocol.json: computes what is missing (Ctrl-C, then the same command goes on), writes data/results/NAME.json and
             draws it into README.md and docs/results.md. Without a name: only draws what is stored.
--dry-run    only says what would run and how long the rest takes
--status     only says what is done, running, stopped, failed or missing
--seeds A,B  a trial on other seeds than the report's; needs --out FILE outside data/results, and never takes fresh seeds
--checkpoints DIR  folder with the encoder, clip, and a folder for each reader; default data/checkpoints`;

interface ResultsCommand {
  readonly names: readonly string[];
  readonly verb: GridCommand["verb"];
  readonly options: Pick<RecordOptions, "seeds" | "checkpointsDir" | "dataDir">;
  /** Null: data/results. */
  readonly out: string | null;
}

function parse(argv: readonly string[]) {
  const options = {
    "dry-run": { type: "boolean" },
    status: { type: "boolean" },
    seeds: { type: "string" },
    out: { type: "string" },
    checkpoints: { type: "string" },
    help: { type: "boolean" },
  } as const;
  return readWords({ args: [...argv], allowPositionals: true, options }, HELP);
}

function toSeed(text: string): number {
  if (/^\d+$/.test(text.trim())) return Number(text);
  throw new ConfigError(`--seeds must be whole numbers joined by commas; got ${JSON.stringify(text)}.`, { text });
}

/**
 * The command line; null where it asks for help.
 *
 * @throws ConfigError on an unknown option, or options that contradict.
 */
export function parseResults(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ResultsCommand | null {
  const { values, positionals } = parse(argv);
  if (values.help) return null;
  const { seeds, out, checkpoints, status, "dry-run": dry } = values;
  if (dry && status) throw new ConfigError("--dry-run and --status must not be given together; leave one out.");
  if (seeds !== undefined && out === undefined && !dry && !status)
    throw new ConfigError("--seeds must go with --out FILE: a trial is not written to data/results.");
  if (out !== undefined && (seeds === undefined || positionals.length !== 1))
    throw new ConfigError("--out must go with --seeds and one report; reported tables are written to data/results.");
  const dataDir = env["JOMED_DATA_DIR"];
  return {
    names: positionals,
    verb: dry ? "dry" : status ? "status" : "run",
    options: {
      ...(seeds === undefined ? {} : { seeds: seeds.split(",").map(toSeed) }),
      ...(checkpoints === undefined ? {} : { checkpointsDir: resolve(checkpoints) }),
      ...(dataDir ? { dataDir: resolve(dataDir) } : {}),
    },
    out: out === undefined ? null : resolve(out),
  };
}

interface Around {
  readonly progress: TerminalProgress;
  readonly signal: AbortSignal;
}

/** Runs a report's grid, then writes its table. @returns how many stages failed. */
async function report(protocol: Protocol, plan: ReportPlan, command: ResultsCommand, around: Around): Promise<number> {
  const { options, verb, out } = command;
  const { progress, signal } = around;
  if (verb === "run" && options.seeds === undefined) assertReportable(protocol, plan);
  if (options.seeds !== undefined) assertTrial(protocol, options.seeds);
  const grid: GridCommand = { options: recordGrid(plan, options), verb, name: `results-${plan.name}` };
  const failures = await runGridCommand(grid, around);
  for (const failure of failures) progress.say(describeFailure(failure));
  if (verb !== "run" || failures.length > 0) return failures.length;
  const table = await recordReport(protocol, plan, { ...options, control: terminalControl(progress, signal) });
  const file = out ?? resultsFile(plan.name);
  writeResults(table, file);
  progress.say(`\n${resultsMarkdown(table)}\n\nWritten to ${relative(process.cwd(), file)}.`);
  return 0;
}

/**
 * `npm run results`: reported runs and their tables.
 *
 * @returns the exit code: 0, or 1 after a failure or a refusal.
 */
export async function main(argv: readonly string[]): Promise<number> {
  const progress = createTerminalProgress(process.stdout);
  return runCommand("results", progress, async (signal) => {
    const command = parseResults(argv, process.env);
    if (command === null) {
      progress.say(HELP);
      return 0;
    }
    const protocol = loadProtocol();
    let failed = 0;
    const plans = command.names.map((name) => reportOf(protocol, name)); // a wrong name is refused before anything runs
    for (const plan of plans) failed += await report(protocol, plan, command, { progress, signal });
    if (command.verb === "run" && command.out === null) {
      const changed = writePages(repositoryRoot());
      progress.say(changed.length === 0 ? "The pages are up to date." : `Drawn anew: ${changed.join(", ")}.`);
    }
    return failed === 0 ? 0 : 1;
  });
}
