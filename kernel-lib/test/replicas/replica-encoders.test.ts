import { beforeAll, expect, test } from "vitest";
import { openBackend } from "../../src/compute/backend";
import { vocabularyWords } from "../../src/phantoms/general/vocabulary";
import { createReplicaJinaClip } from "../../src/replicas/replica-encoders";
import { cutWords } from "../../src/replicas/tokenizers";

beforeAll(() => openBackend(), 60_000);

test("createReplicaJinaClip makes one to two million weights with heads 32 wide, and knows the replica models' words", () => {
  const model = createReplicaJinaClip(1);
  expect(model.parameters.count()).toBeGreaterThan(1e6);
  expect(model.parameters.count()).toBeLessThan(2e6);
  const { vision, text } = model.config;
  expect([vision.hiddenSize / vision.numHeads, text.hiddenSize / text.numHeads]).toEqual([32, 32]);
  const letters = [...cutWords(vocabularyWords()).keys()].filter((piece) => /^[a-z]+$/.test(piece));
  expect(letters.length).toBeGreaterThan(100);
  for (const word of letters) expect([word, model.tokenizer.encode(word, "bare").length]).toEqual([word, 1]);
  model.dispose();
});
