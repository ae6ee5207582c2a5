import { expect, test } from "vitest";
import type { Example, Split } from "../../src/base/types";
import { dealGroups, makeDisjoint } from "../../src/data/splits";
import { refusal } from "./helpers";

const example = (split: Split, group: string): Example => ({
  id: `${split}-${group}`,
  task: "toy",
  split,
  image: { width: 1, height: 1, channels: 1, data: Uint8Array.of(0) },
  question: "?",
  answer: "0",
  labels: [0],
  group,
});

test("makeDisjoint keeps test whole and takes its groups out of the other splits", () => {
  const splits = makeDisjoint({
    train: ["a", "b", "c", "d"].map((group) => example("train", group)),
    validation: ["b", "c"].map((group) => example("validation", group)),
    test: ["c", "e"].map((group) => example("test", group)),
  });
  expect(Object.values(splits).map((list) => list.map(({ group }) => group))).toEqual([["a", "d"], ["b"], ["c", "e"]]);
});

test("makeDisjoint refuses to leave nothing to train on", async () => {
  const all = { train: [example("train", "a")], validation: [], test: [example("test", "a")] };
  expect((await refusal(() => makeDisjoint(all))).message).toMatch(/train must keep an example/);
});

test("dealGroups never divides a group, keeps the shares, and depends on the seed alone", () => {
  const groups = Array.from({ length: 900 }, (_, i) => `patient-${Math.floor(i / 3)}`);
  const parts = dealGroups(groups, [0.7, 0.1, 0.2], 1);
  const partOf = new Map<string, number>();
  groups.forEach((group, i) => {
    expect(partOf.get(group) ?? parts[i]).toBe(parts[i]);
    partOf.set(group, parts[i]!);
  });
  const counts = [0, 1, 2].map((part) => parts.filter((found) => found === part).length);
  expect(counts[0]! / 900).toBeCloseTo(0.7, 1);
  expect(counts[1]! / 900).toBeCloseTo(0.1, 1);
  expect(counts[2]).toBeGreaterThan(150);
  const reversed = dealGroups([...groups].reverse(), [0.7, 0.1, 0.2], 1).reverse();
  expect(reversed).toEqual(parts);
  expect(dealGroups(groups, [0.7, 0.1, 0.2], 2)).not.toEqual(parts);
});
