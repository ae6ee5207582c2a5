import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Control, Corpus, Task } from "../../../src/base/types";
import { openRun, type Run } from "../../../src/experiments/run";
import { buildIndex, type Index } from "../../../src/experiments/stages/corpus-index";
import { type TunedReader, tuneReader } from "../../../src/experiments/stages/reader";
import { saveClip } from "../../../src/models/clip/weights";
import { saveQwen2Vl } from "../../../src/models/qwen2-vl/weights";
import { loadCorpus } from "../../../src/phantoms/load-corpus";
import { loadTask } from "../../../src/phantoms/load-task";
import { createReplicaClip } from "../../../src/replicas/replica-encoders";
import { tinyReader } from "../../helpers/tiny-reader";
import { cutTask } from "./cut-task";

/** Untrained models on disk, a cut-down task and corpus: everything a run needs, in seconds. */
export interface SmallWorld {
  readonly folder: string;
  readonly task: Task;
  readonly corpus: Corpus;
  readonly encoderFolder: string;
  readonly readerFolder: string;
  openRun(artifacts: string, control?: Control): Promise<Run>;
  index(run: Run, task?: Task): Promise<Index>;
  reader(run: Run, index: Index): Promise<TunedReader>;
  dispose(): void;
}

export async function smallWorld(): Promise<SmallWorld> {
  const folder = mkdtempSync(join(tmpdir(), "small-world-"));
  const openHere = (artifacts: string, control: Control = {}) =>
    openRun({ profile: "test", seed: 3, source: "phantom", artifactsDir: join(folder, artifacts), control });
  await openHere("unused");
  const clip = createReplicaClip(5);
  saveClip(clip, join(folder, "clip"));
  clip.dispose();
  const model = tinyReader(6);
  saveQwen2Vl(model, join(folder, "reader"));
  model.dispose();
  const task = cutTask(await loadTask("breast-mnist", { source: "phantom", seed: 3 }));
  const corpus = await loadCorpus("phantom", { seed: 3, numPassages: 60 });
  const [encoderFolder, readerFolder] = [join(folder, "clip"), join(folder, "reader")];
  return {
    folder,
    task,
    corpus,
    encoderFolder,
    readerFolder,
    openRun: openHere,
    index: (run, other = task) => buildIndex(run, { task: other, corpus, encoderFolder }),
    reader: (run, index) => tuneReader(run, { task: index.task, index, readerFolder }),
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The bytes of an artifact's file, as hexadecimal digits. */
export function bytesOf(artifact: { readonly folder: string }, file: string): string {
  return readFileSync(join(artifact.folder, file)).toString("hex");
}
