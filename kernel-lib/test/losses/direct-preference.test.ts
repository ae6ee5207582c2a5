import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { openBackend } from "../../src/compute/backend";
import { answerLikelihoods, directPreference, directPreferenceOp } from "../../src/losses/direct-preference";
import { refusal } from "../helpers/refusal";

interface Case {
  beta: number;
  labelSmoothing: number;
  policy: [number[], number[]];
  reference: [number[], number[]];
  value: number;
  gradient: [number[], number[]];
}
const file = join(__dirname, "../reference/losses/direct-preference.json");
const { cases } = JSON.parse(readFileSync(file, "utf8")) as { cases: Case[] };
const pairsOf = ([chosen, rejected]: [number[], number[]]) => ({ chosen, rejected });
const { log } = Math;

beforeAll(async () => {
  await openBackend();
});

test.each(cases.map((each, i) => [i, each] as const))(
  "case %i equals numpy's value and complex-step gradient",
  (_i, set) => {
    const { beta, labelSmoothing } = set;
    const found = directPreference(pairsOf(set.policy), pairsOf(set.reference), { beta, labelSmoothing });
    expect(found.value).toBeCloseTo(set.value, 12);
    [...found.gradient.chosen].forEach((slope, i) => {
      expect(slope).toBeCloseTo(set.gradient[0][i]!, 12);
    });
    [...found.gradient.rejected].forEach((slope, i) => {
      expect(slope).toBeCloseTo(set.gradient[1][i]!, 12);
    });
  },
);

test("by hand: at the reference ln 2; an answer three times as likely with beta 1 has sigma 3/4", () => {
  const same = { chosen: [-1, -2], rejected: [-3, 0] };
  expect(directPreference(same, same).value).toBeCloseTo(log(2), 12);
  expect([...directPreference(same, same, { beta: 0.4 }).gradient.chosen]).toEqual([-0.1, -0.1]); // -beta / 2, over two pairs
  const gained = { chosen: [log(3) - 1], rejected: [-3] };
  const { value, gradient, margins } = directPreference(gained, { chosen: [-1], rejected: [-3] }, { beta: 1 });
  expect(value).toBeCloseTo(-log(3 / 4), 12);
  expect([gradient.chosen[0], gradient.rejected[0]]).toEqual([-1 / 4, 1 / 4].map((slope) => expect.closeTo(slope, 12)));
  expect(margins[0]).toBeCloseTo(log(3), 12);
});

test("only the distance to the reference counts, and far ones stay finite", () => {
  const [policy, reference] = [
    { chosen: [-4], rejected: [-1] },
    { chosen: [-2], rejected: [-2] },
  ];
  const moved = (by: number, { chosen, rejected }: typeof policy) => ({
    chosen: chosen.map((value) => value + by),
    rejected: rejected.map((value) => value + by),
  });
  const { value } = directPreference(policy, reference);
  expect(directPreference(moved(5, policy), moved(-3, reference)).value).toBeCloseTo(value, 12);
  const far = directPreference({ chosen: [-5000], rejected: [0] }, { chosen: [0], rejected: [0] }, { beta: 1 });
  expect([far.value, far.gradient.chosen[0]]).toEqual([5000, -1]);
});

test("answers' likelihoods by hand, and the loss's gradient reaches the logits", () => {
  // row 0: tokens 0 and 1 of even logits over two words; row 1: one token, three times as likely as the other word
  const logits = tf.tensor2d([0, 0, 5, 5, log(3), 0], [3, 2]);
  const targets = Int32Array.of(0, 1, 0);
  const likelihoods = answerLikelihoods(logits, targets, [0, 0, 1], 2);
  expect([...likelihoods.dataSync()]).toEqual([log(1 / 4), log(3 / 4)].map((value) => expect.closeTo(value, 6)));
  const reference = { chosen: [log(1 / 4)], rejected: [log(3 / 4)] };
  const loss = (x: tf.Tensor2D) =>
    directPreferenceOp(answerLikelihoods(x, targets, [0, 0, 1], 2), reference, { beta: 1 });
  const slope = tf.grad((x) => loss(x as tf.Tensor2D))(logits);
  // -1/2 for the chosen answer's likelihood, +1/2 for the rejected one's, each times (one-hot - softmax)
  const wanted = [-1 / 4, 1 / 4, 1 / 4, -1 / 4, 1 / 8, -1 / 8];
  expect([...slope.dataSync()]).toEqual(wanted.map((value) => expect.closeTo(value, 6)));
  tf.dispose([logits, likelihoods, slope]);
});

test("nothing, other lengths, infinities and options out of range are refused by name", () => {
  const pair = { chosen: [-1], rejected: [-2] };
  expect(refusal(() => directPreference({ chosen: [], rejected: [] }, pair)).message).toMatch(/at least one pair/);
  expect(refusal(() => directPreference(pair, { chosen: [-1, -1], rejected: [-2] })).message).toMatch(
    /reference.chosen/,
  );
  const longer = { chosen: [-1], rejected: [-2, -2] };
  expect(refusal(() => directPreference(pair, longer)).message).toMatch(/directPreference: reference.rejected/);
  const unbounded = (side: "chosen" | "rejected") => ({ ...pair, [side]: [Number.NEGATIVE_INFINITY] });
  for (const side of ["chosen", "rejected"] as const)
    expect(refusal(() => directPreference(unbounded(side), pair)).message).toMatch(`directPreference: policy.${side}`);
  const [logits, targets] = [tf.zeros<tf.Rank.R2>([2, 3]), Int32Array.of(0, 1)];
  expect(refusal(() => answerLikelihoods(logits, targets, [0], 1)).message).toMatch(/^answerLikelihoods: rowOf/);
  expect(refusal(() => answerLikelihoods(logits, targets, [0, 0], 0)).message).toMatch(/^answerLikelihoods: numRows/);
  logits.dispose();
  expect(refusal(() => directPreference(pair, pair, { beta: 0 })).message).toMatch(/beta must/);
  expect(refusal(() => directPreference(pair, pair, { labelSmoothing: 0.5 })).message).toMatch(/labelSmoothing must/);
});
