// kernel.phantoms — Drawn worlds.

export {
  CASEBOOK_VARIANTS,
  type CasebookDials,
  type CasebookOptions,
  type CasebookVariant,
  standardDials,
} from "./casebook/dials";
export { casebookName, parseCasebookName } from "./casebook/names";
export type { CasebookTable } from "./casebook/world";
export { type CorpusPhantomOptions, drawCorpusPhantom } from "./corpora/breast-corpus";
export {
  ATTRIBUTES,
  type Attribute,
  type AttributeName,
  drawGeneralScene,
  type Scene,
  type SceneOptions,
} from "./general/world";
export { type KnowledgeDials, PHANTOM_DIALS } from "./knowledge/dials";
export { type Casebook, type LoadCasebookOptions, loadCasebook } from "./load-casebook";
export { loadPhantomFacts, type PhantomFactsOptions } from "./load-facts";
export type { PictureFacts } from "./phantom";
