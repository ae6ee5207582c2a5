import { existsSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../../base/errors";
import { repositoryRoot } from "../../base/paths";
import type { Control, Corpus, Task } from "../../base/types";
import { isCorpusDrawn, isDrawnCorpus, loadCorpus } from "../../phantoms/load-corpus";
import { isTaskDrawn, loadTask } from "../../phantoms/load-task";
import { type Backbone, corpusOf, type GridSettings } from "./options";

/** Where a grid's data and models come from. Replaced in tests. */
export interface GridWorld {
  loadTask(name: string, control: Control): Promise<Task>;
  /** Whether a task and its corpus would only be read: false where a stand-in would have to be drawn first. */
  isDrawn(name: string): boolean;
  /** Which corpus is searched for a task; tasks of the same one share it in memory. */
  corpusOf(task: string): string;
  loadCorpus(corpus: string, control: Control): Promise<Corpus>;
  readonly clipFolder: string;
  /** @throws DataError when there is no such model. */
  readerFolder(backbone: Backbone): string;
}

/** Of data that is drawn: the same for every seed of the training, as in the notebooks. */
const DATA = { seed: 7, size: "quick" } as const;

/** The world of a grid's settings: tasks and corpus as the notebooks load them, models from the checkpoints' folder. */
export function openWorld(settings: GridSettings): GridWorld {
  const { source, dataDir, artifactsDir } = settings;
  const checkpoints = settings.checkpointsDir ?? join(repositoryRoot(), "data", "checkpoints");
  return {
    loadTask: (name, control) => loadTask(name, { ...DATA, source, dataDir, control }),
    isDrawn: (name) => isCorpusDrawn(corpusOf(settings, name)) && isTaskDrawn(name, { ...DATA, source, dataDir }),
    corpusOf: (task) => corpusOf(settings, task),
    loadCorpus: (corpus, control) => {
      if (isDrawnCorpus(corpus)) return loadCorpus(corpus, { control });
      return loadCorpus(corpus, { source, dataDir, cacheDir: join(artifactsDir, "corpora"), control });
    },
    clipFolder: join(checkpoints, "clip"),
    readerFolder: (backbone) => modelFolder(checkpoints, backbone),
  };
}

function modelFolder(checkpoints: string, backbone: Backbone): string {
  const folder = join(checkpoints, backbone);
  if (existsSync(folder)) return folder;
  throw new DataError(
    `runGrid: ${folder} must be the folder of a ${backbone} model; there is none. Put one there (npm run checkpoints makes the replicas), name another folder of models with --checkpoints, or leave this reader out with --backbones.`,
    { folder, backbone },
  );
}
