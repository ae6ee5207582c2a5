import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isKernelError } from "../../../src/base/errors";
import type { Control, Prediction } from "../../../src/base/types";
import { type PredictResult, predict } from "../../../src/experiments/stages/predictions";
import { type TunedHead, tuneRetriever } from "../../../src/experiments/stages/retriever";
import { loadDualEncoder } from "../../../src/models/architectures";
import { createLearnedTower } from "../../../src/retriever/learned-tower";
import { HEADS } from "../../../src/retriever/retrieve";
import { type JointOptions, jointSystem } from "../../../src/systems/joint";
import { bytesOf, type SmallWorld, smallWorld } from "../helpers/small-world";

let world: SmallWorld;
beforeAll(async () => {
  world = await smallWorld();
});
afterAll(() => world.dispose());

/** Changes with which four steps of untrained models learn something that is kept. */
const LEARNING = { learningRate: 1e-2, bestBy: "loss" } as const;

/** Everything but the system's name. */
const answersOf = ({ predictions }: PredictResult): Omit<Prediction, "system">[] =>
  predictions.map(({ system: _system, ...answer }) => answer);

/** A run with the parts that both systems share. */
async function opened(artifacts: string, control: Control = {}) {
  const run = await world.openRun(artifacts, control);
  const index = await world.index(run);
  const reader = await world.reader(run, index);
  const dispose = (): void => {
    index.dispose();
    reader.dispose();
  };
  return { run, index, reader, task: world.task, dispose };
}

/** Answers of a joint system, and what its training left, by file. */
async function joint(artifacts: string, options: JointOptions, control: Control = {}) {
  const { run, dispose, ...parts } = await opened(artifacts, control);
  const system = jointSystem("joint", "Joint", options);
  const answered = await predict(run, { ...parts, system, stages: { retriever: LEARNING } });
  dispose();
  const [key] = answered.artifact.manifest.inputs.slice(-1);
  const folder = join(run.artifactsDir, "system", key!);
  const files = ["text.safetensors", "image.safetensors", "adapter/adapter_model.safetensors"];
  return { answered, trained: files.map((file) => bytesOf({ folder }, file)), folder };
}

describe("systems that are one", () => {
  test("FT RAG is JOMED with untrained heads, to the bit", async () => {
    const { run, dispose, ...parts } = await opened("untrained");
    const folder = mkdtempSync(join(world.folder, "towers-"));
    const encoder = loadDualEncoder(world.encoderFolder);
    const tower = createLearnedTower(encoder);
    const towerFile = join(folder, "tower.safetensors");
    tower.save(towerFile);
    tower.dispose();
    encoder.dispose();
    const trained = await tuneRetriever(run, parts);
    const untrained = Object.fromEntries(
      HEADS.map((head) => [head, { ...trained.heads[head]!, towerFile } as TunedHead]),
    );
    const jomed = await predict(run, { ...parts, system: "jomed", heads: { ...trained, heads: untrained } });
    const ftRag = await predict(run, { ...parts, system: "ft-rag" });
    expect(answersOf(jomed)).toEqual(answersOf(ftRag));
    dispose();
  });

  test("joint training with the contrastive loss and JOMED's schedule is JOMED, to the bit", async () => {
    const { run, dispose, ...parts } = await opened("jomed");
    const heads = await tuneRetriever(run, { ...parts, options: LEARNING });
    expect(heads.heads.text!.bestStep + heads.heads.image!.bestStep).toBeGreaterThan(0); // not two untrained ones
    const jomed = await predict(run, { ...parts, system: "jomed", heads });
    const own = bytesOf(parts.reader.artifact, "adapter/adapter_model.safetensors");
    dispose();
    const { answered, trained } = await joint("jomed", { loss: "contrastive", rounds: 1 });
    const towers = (["text", "image"] as const).map((head) =>
      bytesOf(heads.heads[head]!.artifact, "tower.safetensors"),
    );
    expect(trained).toEqual([...towers, own]);
    expect(answersOf(answered)).toEqual(answersOf(jomed));
  });
});

describe("joint training in rounds", () => {
  const options: JointOptions = { loss: "perplexityDistillation", rounds: 2 };

  test("the reader goes on between the rounds and the heads from where they stood; nothing leaks", async () => {
    const before = tf.memory().numTensors;
    const two = await joint("rounds", options);
    expect(tf.memory().numTensors).toBe(before);
    const one = await joint("rounds", { ...options, rounds: 1 });
    // the text head of four steps is best untrained; image head and reader have moved
    expect(two.trained.map((bytes, i) => bytes === one.trained[i])).toEqual([true, false, false]);
    const { readerPasses } = JSON.parse(readFileSync(join(two.folder, "cost.json"), "utf8"));
    const { readerPasses: once } = JSON.parse(readFileSync(join(one.folder, "cost.json"), "utf8"));
    expect(readerPasses).toBeGreaterThan(once); // a reader that has changed is asked again
  });

  test("interrupted in the second round, it goes on to the same bytes", async () => {
    const stop = new AbortController();
    let texts = 0;
    const control: Control = {
      signal: stop.signal,
      onProgress: ({ stage, done }) => {
        if (stage === "retriever text head" && done === 1 && ++texts === 2) stop.abort();
      },
    };
    const stopped = await joint("stopped", options, control).catch((error) => error);
    expect(isKernelError(stopped, "interrupted")).toBe(true);
    const { trained, answered } = await joint("stopped", options);
    const undisturbed = await joint("rounds", options);
    expect(trained).toEqual(undisturbed.trained);
    expect(answersOf(answered)).toEqual(answersOf(undisturbed.answered));
  });

  test.each(["emdr2", "leaveOneOut", "attentionDistillation", "reveal"] as const)(
    "it answers with %s",
    async (loss) => {
      const { answered } = await joint("losses", { loss, rounds: 3, fusion: "logits" });
      expect(answered.predictions.every(({ readings }) => readings.length > 0)).toBe(true);
    },
  );

  test("fewer rounds than one are refused", () => {
    expect(() => jointSystem("joint", "Joint", { loss: "emdr2", rounds: 0 })).toThrow(/rounds must be/);
  });
});
