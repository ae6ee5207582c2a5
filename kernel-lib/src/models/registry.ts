/*
 * The architectures that folders are loaded as and models are saved as, one row each. A new one brings its own folder,
 * {config, model, processor, weights}.ts, and a row here; nothing else asks what a model is.
 */

// encoders of images and texts
export { CLIP } from "./clip/weights";
export { JINA_CLIP } from "./jina-clip/weights";
export { OPEN_CLIP } from "./open-clip/weights";

// readers
export { PIXTRAL } from "./pixtral/weights";
export { QWEN2_VL } from "./qwen2-vl/weights";
