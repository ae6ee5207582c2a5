import { beforeAll, expect, test } from "vitest";
import { openBackend } from "../../src/compute/backend";
import { createReplicaPixtral, createReplicaQwen2Vl } from "../../src/replicas/replica-readers";

beforeAll(() => openBackend(), 60_000);

test("createReplicaPixtral makes about a million weights with heads 32 wide, and knows the replica reader's words", () => {
  const model = createReplicaPixtral(1);
  expect(model.parameters.count()).toBeGreaterThan(0.7e6);
  expect(model.parameters.count()).toBeLessThan(1.3e6);
  expect(model.parameters.shape("model.language_model.layers.0.self_attn.q_proj.weight")).toEqual([4 * 32, 128]);
  expect(model.config.vision.hiddenSize / model.config.vision.numHeads).toBe(32);
  const reader = createReplicaQwen2Vl(1);
  const text = "background: a round shadow\n\nWhat is it? unheard-of 12";
  expect(model.tokenizer.encode(text)).toEqual(reader.tokenizer.encode(text));
  model.dispose();
  reader.dispose();
});
