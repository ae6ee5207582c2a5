import { BREAST_TASK_PHANTOM } from "../../phantoms/tasks/breast";
import { BRSET_PHANTOM } from "../../phantoms/tasks/brset";
import { DERMA_PHANTOM } from "../../phantoms/tasks/derma";
import type { PhantomTask } from "../../phantoms/tasks/phantom-task";
import { RETINA_PHANTOM } from "../../phantoms/tasks/retina";
import { VINDR_PHANTOM } from "../../phantoms/tasks/vindr";
import { PATH_VQA_PHANTOM, SLAKE_PHANTOM, VQA_RAD_PHANTOM } from "../../phantoms/tasks/vqa";
import { BREAST_MNIST } from "./breast-mnist";
import { BRSET } from "./brset";
import { DERMA_MNIST } from "./derma-mnist";
import { medMnistTask } from "./medmnist";
import { PATH_VQA } from "./path-vqa";
import { RETINA_MNIST } from "./retina-mnist";
import { SLAKE } from "./slake";
import type { TaskDefinition } from "./task-definition";
import { VINDR_PCXR } from "./vindr-pcxr";
import { VQA_RAD } from "./vqa-rad";

/** A task with its stand-in. */
export interface KnownTask {
  readonly definition: TaskDefinition;
  readonly phantom: PhantomTask;
}

const LIST: readonly KnownTask[] = [
  { definition: medMnistTask(BREAST_MNIST), phantom: BREAST_TASK_PHANTOM },
  { definition: medMnistTask(DERMA_MNIST), phantom: DERMA_PHANTOM },
  { definition: medMnistTask(RETINA_MNIST), phantom: RETINA_PHANTOM },
  { definition: VINDR_PCXR, phantom: VINDR_PHANTOM },
  { definition: BRSET, phantom: BRSET_PHANTOM },
  { definition: VQA_RAD, phantom: VQA_RAD_PHANTOM },
  { definition: SLAKE, phantom: SLAKE_PHANTOM },
  { definition: PATH_VQA, phantom: PATH_VQA_PHANTOM },
];

/** The tasks by name, in the paper's order. */
export const KNOWN_TASKS: ReadonlyMap<string, KnownTask> = new Map(LIST.map((task) => [task.definition.name, task]));
