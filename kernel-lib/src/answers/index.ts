// kernel.answers — Forms of answer: parse, fuse, wording, score; the fusion.

export type { Form, Fused, Fusion, Vote } from "./form";
export { type AnswerWordings, answerWordings, FORMS, formOf, isCorrect, labelPredictions } from "./forms";
export { type FusionWeightOptions, fuseLogits, fuseProbabilities, fusionWeights } from "./fusion";
export { parseLabel } from "./label";
export { parseLabelSet, voteLabelSets } from "./labels";
export { answerWords } from "./wording";
export { voteAnswers } from "./words";
