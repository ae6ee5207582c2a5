import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildIndex } from "../../../src/experiments/stages/corpus-index";
import { predict } from "../../../src/experiments/stages/predictions";
import { tuneRetriever } from "../../../src/experiments/stages/retriever";
import { saveJinaClip } from "../../../src/models/jina-clip/weights";
import { createReplicaJinaClip } from "../../../src/replicas/replica-encoders";
import { type SmallWorld, smallWorld } from "../helpers/small-world";

let world: SmallWorld;
beforeAll(async () => {
  world = await smallWorld();
});
afterAll(() => world.dispose());

test("index, head and answers take a Jina-CLIP folder without being told so", async () => {
  const folder = join(world.folder, "jina-clip");
  const model = createReplicaJinaClip(5);
  saveJinaClip(model, folder);
  model.dispose();
  const { task, corpus } = world;
  const run = await world.openRun("jina");
  const index = await buildIndex(run, { task, corpus, encoderFolder: folder });
  const { image, text } = index.embeddings;
  expect([image.rows, image.cols, text.cols]).toEqual([60, 128, 128]);
  expect(index.queries.test.rows).toBe(task.splits.test.length);
  const other = await world.index(run);
  expect(other.artifact.folder).not.toBe(index.artifact.folder);
  const reader = await world.reader(run, index);
  const heads = await tuneRetriever(run, { task, index, reader, heads: ["text"] });
  const { predictions } = await predict(run, { system: "text-head", task, index, reader, heads });
  expect(predictions).toHaveLength(task.splits.test.length);
  for (const part of [index, other, reader]) part.dispose();
});
