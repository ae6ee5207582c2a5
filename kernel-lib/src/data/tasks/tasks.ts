import { BREAST_MNIST } from "./breast-mnist";
import { BRSET } from "./brset";
import type { PublishedTask } from "./definition";
import { DERMA_MNIST } from "./derma-mnist";
import { PATH_VQA } from "./path-vqa";
import { RETINA_MNIST } from "./retina-mnist";
import { SLAKE } from "./slake";
import { VINDR_PCXR } from "./vindr-pcxr";
import { VQA_RAD } from "./vqa-rad";

const LIST: readonly PublishedTask[] = [
  BREAST_MNIST,
  DERMA_MNIST,
  RETINA_MNIST,
  VINDR_PCXR,
  BRSET,
  VQA_RAD,
  SLAKE,
  PATH_VQA,
];

/** The published tasks by name, in the paper's order. */
export const TASKS: ReadonlyMap<string, PublishedTask> = new Map(LIST.map((task) => [task.name, task]));
