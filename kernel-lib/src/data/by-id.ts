import { DataError } from "../base/errors";
import type { Corpus, Example, Passage, Task } from "../base/types";

// What stored answers and lists mean by their ids.

/** All examples of a task by id. */
export function examplesById(task: Task): Map<string, Example> {
  const all = Object.values(task.splits).flat();
  return new Map(all.map((example) => [example.id, example]));
}

/** The example of this id. @throws DataError when the task has none. */
export function exampleOf(where: string, examples: ReadonlyMap<string, Example>, id: string): Example {
  const found = examples.get(id);
  if (found !== undefined) return found;
  throw new DataError(`${where}: exampleId must be an example of the task; got "${id}". Pass the task it comes from.`, {
    id,
  });
}

/** All passages of a corpus by id. */
export function passagesById({ passages }: Pick<Corpus, "passages">): Map<string, Passage> {
  return new Map(passages.map((passage) => [passage.id, passage]));
}

/** The passage of this id. @throws DataError when the corpus has none. */
export function passageOf(where: string, passages: ReadonlyMap<string, Passage>, id: string): Passage {
  const found = passages.get(id);
  if (found !== undefined) return found;
  throw new DataError(
    `${where}: corpus must hold every passage that was retrieved; ${id} is missing. Pass the corpus that was searched.`,
    { passageId: id },
  );
}

/** Up to so many of a list, evenly from the whole of it: it may be sorted by label. */
export function evenly<T>(all: readonly T[], most: number): T[] {
  const step = Math.max(1, all.length / most);
  return Array.from({ length: Math.min(most, all.length) }, (_, i) => all[Math.floor(i * step)]!);
}
