import { createHash } from "node:crypto";
import { join } from "node:path";
import { repositoryRoot } from "../base/paths";
import { loadResults, storedBoard } from "../experiments/stored-results";
import { closeDrawing, drawFigure } from "../figures/export/draw";
import { findingsFigure } from "../figures/findings-figure";
import { fusionWeightsFigure } from "../figures/fusion-weights-figure";
import { type BoardRow, boardRows } from "../frames/board";
import { writeFileAtomic } from "../store/files";
import { boardText } from "./board-text";
import { readWords, runCommand } from "./command";
import { writePages } from "./results-pages";
import { createTerminalProgress } from "./terminal-progress";

// npm run findings: the verdict on every claim of the paper, from data/results.

const HELP = `npm run findings -- [--write]
Prints the verdict on every claim of the paper, from the tables in data/results. Nothing is computed but the verdicts.
--write   draws the board into README.md, docs/results.md and docs/images too`;

/** Where the board's figure lies. */
export const FINDINGS_FIGURE = "docs/images/findings.svg";

/** And that of the fusion weights, from the casebook's report. */
const WEIGHTS_FIGURE = "docs/images/fusion-weights.svg";
const WEIGHTS: readonly string[] = ["largestWeight", "equalWeight", "sameAsEqual"];

/** Marks the figure with the board that it was drawn from. */
export function boardMark(rows: readonly BoardRow[]): string {
  return `<!-- board ${createHash("sha256").update(JSON.stringify(rows)).digest("hex")} -->`;
}

async function writeBoard(rows: readonly BoardRow[]): Promise<string[]> {
  const root = repositoryRoot();
  const weights = loadResults("casebook").rows.filter((row) => "metric" in row && WEIGHTS.includes(row.metric));
  try {
    const svg = await drawFigure(findingsFigure(rows), { format: "svg" });
    writeFileAtomic(join(root, FINDINGS_FIGURE), `${svg.trimEnd()}\n${boardMark(rows)}\n`);
    if (weights.length > 0)
      writeFileAtomic(join(root, WEIGHTS_FIGURE), await drawFigure(fusionWeightsFigure(weights), { format: "svg" }));
  } finally {
    await closeDrawing();
  }
  return [...writePages(root), FINDINGS_FIGURE, ...(weights.length > 0 ? [WEIGHTS_FIGURE] : [])];
}

/**
 * `npm run findings`: the board of findings.
 *
 * @returns the exit code: 0, or 1 after a failure or a refusal.
 */
export async function main(argv: readonly string[]): Promise<number> {
  const progress = createTerminalProgress(process.stdout);
  return runCommand("findings", progress, async () => {
    const { write, help } = parse(argv);
    if (help) progress.say(HELP);
    if (help) return 0;
    const rows = boardRows(storedBoard());
    progress.say(boardText(rows));
    if (write) progress.say(`\nDrawn: ${(await writeBoard(rows)).join(", ")}.`);
    return 0;
  });
}

function parse(argv: readonly string[]) {
  const options = { write: { type: "boolean" }, help: { type: "boolean" } } as const;
  return readWords({ args: [...argv], options }, HELP).values;
}
