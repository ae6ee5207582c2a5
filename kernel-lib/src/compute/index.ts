// kernel.compute — The engine, the optimiser, safetensors.

export { type AdamW, type AdamWOptions, type AdamWState, createAdamW } from "./adamw";
export { type BackendName, type BackendReport, openBackend } from "./backend";
export {
  readSafetensors,
  type SafetensorsDtype,
  type SafetensorsFile,
  type StoredTensor,
  writeSafetensors,
} from "./safetensors";
