import { existsSync } from "node:fs";
import { join } from "node:path";
import { openBackend } from "../../../src/compute/backend";
import type { GridWorld } from "../../../src/experiments/grid/session";
import { readerRecipe } from "../../../src/experiments/grid/sizes";
import { saveClip } from "../../../src/models/clip/weights";
import { saveQwen2Vl } from "../../../src/models/qwen2-vl/weights";
import { loadCorpus } from "../../../src/phantoms/load-corpus";
import { loadTask } from "../../../src/phantoms/load-task";
import { createReplicaClip } from "../../../src/replicas/replica-encoders";
import { tinyReader } from "../../helpers/tiny-reader";
import { cutTask } from "../helpers/cut-task";

const NUM_PASSAGES = 60;

/** Writes untrained models into a folder, once. */
export async function makeTinyModels(folder: string): Promise<void> {
  if (existsSync(join(folder, "reader"))) return;
  await openBackend();
  const clip = createReplicaClip(5);
  saveClip(clip, join(folder, "clip"));
  clip.dispose();
  const reader = tinyReader(6);
  saveQwen2Vl(reader, join(folder, "reader"));
  reader.dispose();
}

/** A grid's world of cut-down tasks, a small corpus and the models of `makeTinyModels`: a cell takes seconds. */
export function tinyWorld(folder: string): GridWorld {
  return {
    loadTask: async (name, seed) => cutTask(await loadTask(name, { source: "phantom", seed: seed ?? 7 })),
    isDrawn: () => true,
    corpusOf: () => "tiny",
    loadCorpus: () => loadCorpus("phantom", { seed: 3, numPassages: NUM_PASSAGES }),
    encoderFolder: join(folder, "clip"),
    readerFolder: (backbone) => join(folder, readerRecipe(backbone).model === "qwen2-vl" ? "reader" : "no-such-reader"),
  };
}
