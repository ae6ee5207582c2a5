// kernel.phantoms — Drawn worlds.

export { type CorpusPhantomOptions, drawCorpusPhantom } from "./corpora/breast-corpus";
export {
  ATTRIBUTES,
  type Attribute,
  type AttributeName,
  drawGeneralScene,
  type Scene,
  type SceneOptions,
} from "./general/world";
