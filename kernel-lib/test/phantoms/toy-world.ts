import { createRandom } from "../../src/base/random";
import { type CorpusPhantom, phantomCard, scaled, type TaskPhantom } from "../../src/phantoms/phantom";
import { TOY_TASK, toySquare, writeToyTask } from "../data/toy";

/** A world as a stranger would add it: a task that is only drawn … */
export const TOY_TASK_PHANTOM: TaskPhantom = {
  task: TOY_TASK,
  version: 1,
  description: "The level says the class.",
  write: ({ folder, size }) =>
    writeToyTask(folder, { train: scaled(400, size), validation: scaled(80, size), test: scaled(100, size) }),
};

/** … and the corpus that is searched for it. */
export const TOY_CORPUS_PHANTOM: CorpusPhantom = {
  name: "toy-drawn",
  version: 1,
  tasks: ["toy"],
  load: async ({ seed = 7, numPassages = 20 }) => {
    const random = createRandom(`toy/${seed}`);
    const passages = Array.from({ length: numPassages }, (_, k) => {
      const label = random.integer(2);
      const truth = TOY_TASK.labels[label]!.name;
      const image = toySquare(label, k);
      return { id: `toy/${k}`, corpus: "toy-drawn", licence: "CC0-1.0", image, text: `a square . ${truth}`, truth };
    });
    const card = phantomCard("Toy pairs", "Squares with their words.");
    return { name: "toy-drawn", source: "phantom", passages, card, fingerprint: `corpus:toy-drawn:v1:${seed}` };
  },
  isDrawn: () => true,
};
