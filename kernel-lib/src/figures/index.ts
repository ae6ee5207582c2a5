// kernel.figures — A table and options become a Plotly figure.

export { type AblationOptions, ablationFigure as ablation } from "./ablation-figure";
export { type ConfusionOptions, confusionFigure as confusion } from "./confusion-figure";
export { type CurveOptions, curveFigure as curve } from "./curve-figure";
export { embeddingMapFigure as embeddingMap } from "./embedding-map-figure";
export { closeDrawing, type Drawing, type DrawOptions, drawFigure } from "./export/draw";
export { writeGallery } from "./export/save-figure";
export type { SavedMeta } from "./export/saved-figure";
export { findingsFigure as findings } from "./findings-figure";
export { fusionWeightsFigure as fusionWeights } from "./fusion-weights-figure";
export { type IdeaInput, ideaFigure as idea } from "./idea-figure";
export { inconsistencyFigure as inconsistency } from "./inconsistency-figure";
export { type MainTableOptions, mainTableFigure as mainTable } from "./main-table-figure";
export { oracleFigure as oracle } from "./oracle-figure";
export { preferenceFigure as preference } from "./preference-figure";
export { recallFigure as recall } from "./recall-figure";
export { type StagesOptions, stagesFigure as stages } from "./stages-figure";
export { type SweepFigureOptions, sweepFigure as sweep } from "./sweep-figure";
export { type TaskOracleOptions, taskOracleFigure as taskOracle } from "./task-oracle-figure";
export { type TaskPanelsOptions, taskPanelsFigure as taskPanels } from "./task-panels-figure";
export { composeFigure, type FigureContext, type FigureMeta, type FigureParts } from "./theme";
