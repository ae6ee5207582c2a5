import { join } from "node:path";
import { measureExpectations } from "../../analysis/expectations";
import type { Measurement } from "../../analysis/measurement";
import type { Control } from "../../base/types";
import { diagnosePotential, type StageHealth } from "../../training/health";
import type { Preference } from "../../training/judge-candidates";
import { openScores, scoreFrozenCandidates } from "../../training/over-index";
import type { Index } from "./corpus-index";
import type { TunedReader } from "./reader";
import type { Input, Stage } from "./stage";
import { writeJson } from "./stage-files";

/** What the reader is asked, about how many candidates. */
interface ScoreSettings {
  /** Candidates per query and head. */
  readonly numCandidates: number;
  /** What the reader is asked. Default "labels". */
  readonly preference?: Preference | undefined;
}

/** An opened index and reader. */
interface Scoring {
  readonly index: Index;
  readonly reader: TunedReader;
  readonly preference?: Preference | undefined;
}

/** The file of scores inside the artifact, for openScoreCache. */
export const SCORES_FILE = "scores.bin";

const VERSION = 1;

/**
 * The stage that reads every training and validation query with the frozen retriever's candidates of both heads, once, so that every
 * training of a retriever (both heads, every ablation) starts from the same known scores.
 *
 * Its health says whether there is anything to learn; the heads that start from it say it again.
 */
export function scoresStage(
  { index, reader }: { readonly index: Input<Index>; readonly reader: Input<TunedReader> },
  { numCandidates, preference }: ScoreSettings,
): Stage {
  return {
    name: "candidate-scores",
    version: VERSION,
    config: { numCandidates, ...(preference === "tokens" ? { preference } : {}) },
    inputs: [index, reader],
    compute: async (workDir, { control, report }) => {
      const scoring = { index: await index.open(), reader: await reader.open(), preference };
      report(await measurePotential(scoring, control));
      await computeScores(workDir, scoring, numCandidates, control);
    },
  };
}

/** Whether there is anything for a retriever to learn from this reader, on validation: what an untrained list's captions know, and whether they are believed. */
async function measurePotential({ index, reader }: Scoring, { signal }: Control): Promise<StageHealth> {
  const control: Control = signal === undefined ? {} : { signal };
  const rows = await measureExpectations(index, { reader: reader.reader, control, bootstrap: { numDraws: 1 } });
  const find = (system: string, metric: string, subset: string): Measurement | undefined =>
    rows.find((row) => row.system === system && row.metric === metric && row.subset === subset);
  const moved = find("reader", "captionSwap", "all");
  return diagnosePotential({
    captionVote: find("caption vote", "accuracy", "all")?.value ?? null,
    alone: find("linear probe", "accuracy", "label")?.value ?? null,
    moved: moved?.value ?? null,
    numSwapped: moved?.n ?? 0,
  });
}

async function computeScores(
  workDir: string,
  scoring: Scoring,
  numCandidates: number,
  control: Control,
): Promise<void> {
  const { index, reader, preference } = scoring;
  const { task } = index;
  const file = join(workDir, SCORES_FILE);
  const { scores, cacheSize } = openScores({ reader: reader.reader, labels: task.labels, preference }, { file });
  await scoreFrozenCandidates({ task, index, scores }, numCandidates, control);
  writeJson(workDir, "stats.json", { pairs: cacheSize() });
}
