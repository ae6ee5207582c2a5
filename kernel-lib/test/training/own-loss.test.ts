import { beforeAll, describe, expect, test } from "vitest";
import type { Matrix } from "../../src/base/types";
import { openBackend } from "../../src/compute/backend";
import { LOSSES } from "../../src/losses/losses";
import {
  assertPair,
  LOSS_OPTIONS,
  lossByRow,
  needsLabels,
  type OptionsOf,
  oneOf,
  type RetrieverLoss,
  rowOf,
  settleLoss,
  settleOptions,
} from "../../src/losses/retriever-loss";
import type { RetrieverStageInputs, RetrieverStageOptions } from "../../src/training/retriever-options";
import { trainRetrieverHead } from "../../src/training/retriever-stage";
import { copyValues } from "../../src/training/training-state";
import { TOY_STAGE, toyWorld } from "./toy-retriever";

/** What a stranger writes to add a loss: one file like this, and a line in losses/losses.ts. */
const OPTIONS = { ...LOSS_OPTIONS, sign: oneOf(["towards", "away"], "towards") } as const;

/** L = -Σ_k preference_k p_RETR(z_k): the expected preference, as it is. */
function expectedPreference(scores: Matrix, preference: Matrix, options: OptionsOf<typeof OPTIONS> = {}) {
  const settled = settleOptions("expectedPreference", OPTIONS, options);
  assertPair("expectedPreference", scores, "preference", preference);
  const factor = settled.sign === "towards" ? -1 : 1;
  return lossByRow(scores, settled, (row, retrieverLog) => {
    const wanted = rowOf(preference, row);
    const mean = retrieverLog.reduce((sum, log, k) => sum + Math.exp(log) * wanted[k]!, 0);
    const gradient = retrieverLog.map((log, k) => factor * Math.exp(log) * (wanted[k]! - mean)); // [K]
    return { value: factor * mean, targetLog: retrieverLog, gradient };
  });
}

const expectedPreferenceLoss = {
  name: "expectedPreference",
  needs: ["preference"],
  options: OPTIONS,
  evaluate: (scores, { preference }, options) => expectedPreference(scores, preference, options),
} as const satisfies RetrieverLoss<"preference", typeof OPTIONS>;

beforeAll(async () => {
  await openBackend();
});

async function trainTwoSteps(inputs: Partial<RetrieverStageInputs>, options: Partial<RetrieverStageOptions> = {}) {
  const world = await toyWorld();
  const before = copyValues(world.inputs.tower.variables)[0]!;
  const stage = { ...TOY_STAGE, steps: 2, warmupSteps: 0, evaluateEvery: 1, ...options };
  const { curve } = await trainRetrieverHead({ ...world.inputs, ...inputs }, stage);
  const after = copyValues(world.inputs.tower.variables)[0]!;
  world.dispose();
  const losses = curve.filter(({ split, metric }) => split === "validation" && metric === "loss");
  return { moved: after.map((value, i) => value - before[i]!), losses: losses.map(({ value }) => value) };
}

describe("a loss from outside", () => {
  test("trains two steps: the stage asks it what it needs, and its value falls", async () => {
    const loss = settleLoss(expectedPreferenceLoss);
    const { moved, losses } = await trainTwoSteps({ loss }, { bestBy: "loss" });
    expect(losses).toHaveLength(3);
    expect(losses.at(-1)!).toBeLessThan(losses[0]!);
    expect(moved.some((value) => value !== 0)).toBe(true);
  });

  test("is trained with the options it was settled with", async () => {
    const away = await trainTwoSteps({ loss: settleLoss(expectedPreferenceLoss, { sign: "away" }) });
    const towards = await trainTwoSteps({ loss: settleLoss(expectedPreferenceLoss, { sign: "towards" }) });
    expect(away.losses[0]).toBe(-towards.losses[0]!);
    expect(() => settleLoss(expectedPreferenceLoss, { sign: "up" as "away" })).toThrow(
      /sign must be one of towards, away/,
    );
  });

  test("what the reader must say for it follows from its needs: labels under one that contrasts them", async () => {
    const contrasting = settleLoss({ ...expectedPreferenceLoss, needs: ["preference", "labels"] as const });
    const open = (set: RetrieverStageInputs["train"]) => ({
      ...set,
      examples: set.examples.map((example) => ({ ...example, labels: [] })),
    });
    const { inputs, dispose } = await toyWorld();
    await expect(trainTwoSteps({ loss: contrasting, train: open(inputs.train) })).rejects.toThrow(
      /trainRetrieverHead \(loss "expectedPreference"\): examples must have at least one label/,
    );
    dispose();
  });

  test("is refused beside another one, and beside options of another one", async () => {
    const loss = settleLoss(expectedPreferenceLoss);
    await expect(trainTwoSteps({ loss }, { loss: "emdr2" })).rejects.toThrow(/loss must be left out/);
    await expect(trainTwoSteps({ loss }, { prior: "off" })).rejects.toThrow(/prior must be left out.*settleLoss/);
  });
});

describe("the listed losses", () => {
  test("each has a name and options of its own, and names what it needs of the reader", () => {
    const names = LOSSES.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { needs, options } of LOSSES) {
      expect(needs.length).toBeGreaterThan(0);
      expect(Object.keys(options)).toEqual(expect.arrayContaining(["temperature", "reduction"]));
    }
  });

  test("attention distillation and REVEAL contrast labels; the others take any question", () => {
    expect(LOSSES.filter(needsLabels).map(({ name }) => name)).toEqual(["attentionDistillation", "reveal"]);
  });
});
