import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createRandom } from "../../../src/base/random";
import { buildProgram, computedIds, type GridProgram, NUM_STAGES, predictionBytes } from "./grid-processes";
import { makeTinyModels } from "./tiny-world";

export interface KillReport {
  readonly kills: number;
  /** Grids finished, each with some of the kills. */
  readonly grids: number;
  /** Where the kills struck: stage ids without their task, "start" before the first. */
  readonly struck: Readonly<Record<string, number>>;
  /** Grids whose predictions differ from the undisturbed run's in any byte. */
  readonly different: number;
  /** Stages that were computed twice in one grid. */
  readonly twice: number;
}

/**
 * Kills a grid at random moments (SIGKILL after a random number of its progress lines and a random wait), starts it again, and so on,
 * until so many kills have struck and the last grid is finished; compares every finished grid with an undisturbed one.
 */
export async function killGrid(options: {
  readonly kills: number;
  readonly seed: number;
  readonly onRound?: (report: KillReport) => void;
}): Promise<KillReport> {
  const folder = mkdtempSync(join(tmpdir(), "kill-grid-"));
  const program = await buildProgram();
  try {
    await makeTinyModels(folder);
    await program.start(folder, join(folder, "undisturbed")).ended;
    const expected = JSON.stringify([...predictionBytes(join(folder, "undisturbed"))]);
    const random = createRandom(`kill-grid/${options.seed}`);
    const struck: Record<string, number> = {};
    let report: KillReport = { kills: 0, grids: 0, struck, different: 0, twice: 0 };
    while (report.kills < options.kills) {
      const artifactsDir = join(folder, `grid-${report.grids}`);
      for (;;) {
        const place = report.kills < options.kills ? await killOnce(program, [folder, artifactsDir], random) : null;
        if (place === null) break;
        struck[place] = (struck[place] ?? 0) + 1;
        report = { ...report, kills: report.kills + 1 };
      }
      await program.start(folder, artifactsDir).ended;
      report = judge(report, artifactsDir, expected);
      options.onRound?.(report);
      rmSync(artifactsDir, { recursive: true, force: true });
    }
    return report;
  } finally {
    program.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Starts the grid and kills it; null when it ended first. @returns the kind of stage it was at. */
async function killOnce(
  program: GridProgram,
  [models, artifactsDir]: readonly [string, string],
  random: ReturnType<typeof createRandom>,
): Promise<string | null> {
  const running = program.start(models, artifactsDir);
  const after = random.integer(60);
  const waitMs = random.integer(40);
  let seen = 0;
  let ended = false;
  running.child.on("close", () => {
    ended = true;
  });
  running.onLine((line) => {
    if (line.startsWith("at ")) seen += 1;
  });
  while (seen < after && !ended) await sleep(2);
  await sleep(waitMs);
  running.child.kill("SIGKILL");
  const lines = await running.ended;
  if (lines.at(-1) === "end") return null;
  const at = lines.findLast((line) => line.startsWith("at "))?.split(" ")[1];
  return at === undefined ? "start" : at.split(".")[0]!;
}

function judge(report: KillReport, artifactsDir: string, expected: string): KillReport {
  const ids = computedIds(artifactsDir);
  const same = JSON.stringify([...predictionBytes(artifactsDir)]) === expected;
  if (ids.length > NUM_STAGES) throw new Error(`${ids.length} stages were computed of ${NUM_STAGES}`);
  return {
    ...report,
    grids: report.grids + 1,
    different: report.different + (same ? 0 : 1),
    twice: report.twice + ids.length - new Set(ids).size,
  };
}
