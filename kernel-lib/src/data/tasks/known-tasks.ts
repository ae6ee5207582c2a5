import { BREAST_TASK_PHANTOM } from "../phantoms/tasks/breast-task";
import { DERMA_PHANTOM } from "../phantoms/tasks/derma-phantom";
import type { PhantomTask } from "../phantoms/tasks/phantom-task";
import { RETINA_PHANTOM } from "../phantoms/tasks/retina-phantom";
import { BREAST_MNIST } from "./breast-mnist";
import { DERMA_MNIST } from "./derma-mnist";
import { medMnistTask } from "./medmnist";
import { RETINA_MNIST } from "./retina-mnist";
import type { TaskDefinition } from "./task-definition";

/** A task with its stand-in. */
export interface KnownTask {
  readonly definition: TaskDefinition;
  readonly phantom: PhantomTask;
}

const LIST: readonly KnownTask[] = [
  { definition: medMnistTask(BREAST_MNIST), phantom: BREAST_TASK_PHANTOM },
  { definition: medMnistTask(DERMA_MNIST), phantom: DERMA_PHANTOM },
  { definition: medMnistTask(RETINA_MNIST), phantom: RETINA_PHANTOM },
];

/** The tasks by name, in the paper's order. */
export const KNOWN_TASKS: ReadonlyMap<string, KnownTask> = new Map(LIST.map((task) => [task.definition.name, task]));
