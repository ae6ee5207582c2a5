import { expect, test } from "vitest";
import type { Corpus, Passage, Task } from "../../src/base/types";
import { openCorpusFinder } from "../../src/systems/retrieval";
import type { SystemParts } from "../../src/systems/system";
import { toyExample } from "../analysis/helpers";

const image = { width: 1, height: 1, channels: 1, data: Uint8Array.of(0) } as const;

/** The parts that the control reads: it must ask for no encoder and no tower. */
function partsOf(numPassages: number, seed = 7): SystemParts {
  const passages = Array.from({ length: numPassages }, (_, i): Passage => {
    return { id: `p${i}`, corpus: "toy", image, text: "", licence: "" };
  });
  const corpus = { name: "toy", passages } as unknown as Corpus;
  const index = { corpus } as unknown as NonNullable<SystemParts["index"]>;
  return {
    ...{ name: "control", task: {} as Task, reader: null, readerFolders: null, index, towers: {} },
    ...{ numPerHead: 2, learnedWeight: 0.15, seed, trained: null },
  };
}
const EXAMPLES = Array.from({ length: 400 }, (_, i) => toyExample(`q${i}`, {}));

test("the second control draws each query's own passages from the whole corpus, two for each head, none twice", async () => {
  const finder = openCorpusFinder(partsOf(50));
  const lists = await finder.find(EXAMPLES, {});
  for (const list of lists) {
    expect(new Set(list.map(({ passageId }) => passageId)).size).toBe(4);
    expect(list.map(({ head, rank }) => `${head} ${rank}`).sort()).toEqual(["image 0", "image 1", "text 0", "text 1"]);
    expect(list.every(({ score, passageId }) => score === 0 && finder.passages.has(passageId))).toBe(true);
  }
  const counts = new Map<string, number>();
  for (const { passageId } of lists.flat()) counts.set(passageId, (counts.get(passageId) ?? 0) + 1);
  expect(counts.size).toBe(50);
  const expected = (400 * 4) / 50;
  for (const count of counts.values()) expect(Math.abs(count - expected)).toBeLessThan(5 * Math.sqrt(expected));
});

test("the draw goes by seed and question, not by the order of the questions", async () => {
  const [first, again] = [openCorpusFinder(partsOf(50)), openCorpusFinder(partsOf(50))];
  const lists = await first.find(EXAMPLES.slice(0, 5), {});
  expect([...(await again.find([...EXAMPLES.slice(0, 5)].reverse(), {}))].reverse()).toEqual(lists);
  expect(await openCorpusFinder(partsOf(50, 8)).find(EXAMPLES.slice(0, 5), {})).not.toEqual(lists);
});

test("a corpus of three passages is read whole", async () => {
  const [list] = await openCorpusFinder(partsOf(3)).find(EXAMPLES.slice(0, 1), {});
  expect(list).toHaveLength(3);
});
