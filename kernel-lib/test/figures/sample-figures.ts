import { embeddingMapRows } from "../../src/analysis/embedding-map";
import { measureInconsistency } from "../../src/analysis/inconsistency";
import { measureOracle } from "../../src/analysis/oracle";
import type { Figure } from "../../src/base/types";
import { ablationFigure } from "../../src/figures/ablation-figure";
import { confusionFigure } from "../../src/figures/confusion-figure";
import { curveFigure } from "../../src/figures/curve-figure";
import { embeddingMapFigure } from "../../src/figures/embedding-map-figure";
import { findingsFigure } from "../../src/figures/findings-figure";
import { fusionWeightsFigure } from "../../src/figures/fusion-weights-figure";
import { ideaFigure } from "../../src/figures/idea-figure";
import { inconsistencyFigure } from "../../src/figures/inconsistency-figure";
import { mainTableFigure } from "../../src/figures/main-table-figure";
import { oracleFigure } from "../../src/figures/oracle-figure";
import { preferenceFigure } from "../../src/figures/preference-figure";
import { recallFigure } from "../../src/figures/recall-figure";
import { stagesFigure } from "../../src/figures/stages-figure";
import { sweepFigure } from "../../src/figures/sweep-figure";
import { taskOracleFigure } from "../../src/figures/task-oracle-figure";
import { taskPanelsFigure } from "../../src/figures/task-panels-figure";
import { loadPublished } from "../../src/frames/result-frames";
import { PAPER_LEARNED_WEIGHT } from "../../src/retriever/mix";
import {
  curveRows,
  differenceRows,
  findingRows,
  fusionWeightRows,
  ideaInput,
  predictionRows,
  preferenceRows,
  recallRows,
  resultRows,
  sampleEmbeddings,
  samplePredictions,
  sweepRows,
  taskOracleRows,
  taskResultRows,
} from "./sample-rows";

function mapRows(): object[] {
  return ["image view", "text view"].flatMap((view, index) => {
    const { embeddings, passages, query } = sampleEmbeddings(index === 0 ? 1 : 3, 60);
    const star = { id: "query", truth: "malignant", embedding: query, retrievedIds: ["corpus-0", "corpus-5"] };
    return embeddingMapRows(view, embeddings, passages, star);
  });
}

/** Every figure once, on the made-up rows. */
export const SAMPLE_FIGURES: Readonly<Record<string, () => Figure>> = {
  ablation: () => ablationFigure(differenceRows()),
  confusion: () => confusionFigure(predictionRows(), { labelNames: ["malignant", "normal or benign"] }),
  curve: () => curveFigure(curveRows(), { data: "phantom", seeds: [7] }),
  "embedding-map": () => embeddingMapFigure(mapRows(), { data: "phantom" }),
  findings: () => findingsFigure(findingRows()),
  "fusion-weights": () => fusionWeightsFigure(fusionWeightRows(), { data: "phantom" }),
  idea: () => ideaFigure(ideaInput(), { data: "phantom", seeds: [7] }),
  inconsistency: () =>
    inconsistencyFigure(measureInconsistency(samplePredictions(), { base: "ft-rag" }), { data: "phantom", seeds: [7] }),
  "main-table": () =>
    mainTableFigure(resultRows(), { published: loadPublished("classification").rows, task: "breast-mnist" }),
  oracle: () => oracleFigure(measureOracle(samplePredictions()), { data: "phantom", seeds: [7] }),
  preference: () => preferenceFigure(preferenceRows(), { data: "phantom" }),
  recall: () => recallFigure(recallRows(), { n: 500, data: "phantom" }),
  stages: () => stagesFigure({ learnedWeight: PAPER_LEARNED_WEIGHT, numCandidates: 50 }),
  sweep: () => sweepFigure(sweepRows(), { correlation: { value: 0.97, low: 0.91, high: 0.99 } }),
  "task-oracle": () => taskOracleFigure(taskOracleRows(), { data: "phantom", seeds: [7] }),
  "task-panels": () =>
    taskPanelsFigure(taskResultRows(), {
      published: [...loadPublished("classification").rows, ...loadPublished("vqa").rows],
      titles: { "breast-mnist": "BreastMNIST" },
    }),
};
