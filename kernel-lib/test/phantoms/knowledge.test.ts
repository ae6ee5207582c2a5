import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { createRandom } from "../../src/base/random";
import { DERMA_MNIST } from "../../src/data/tasks/derma-mnist";
import { alikeShare } from "../../src/phantoms/casebook/table";
import { drawPool } from "../../src/phantoms/corpora/pool";
import { PHANTOM_DIALS } from "../../src/phantoms/knowledge/dials";
import { drawRule, patternCounts, planCase, ruleWorld } from "../../src/phantoms/knowledge/rule";
import { loadPhantomFacts } from "../../src/phantoms/load-facts";
import { loadTask } from "../../src/phantoms/load-task";
import { drawSkinPhantom } from "../../src/phantoms/tasks/derma";
import { drawFundusPhantom } from "../../src/phantoms/tasks/fundus";
import { drawChestPhantom } from "../../src/phantoms/tasks/vindr";
import { refusal } from "../data/helpers";
import { toldPlan } from "./plans";

const TASKS = Object.keys(PHANTOM_DIALS);

/** Patterns of each class. */
const countsOf = (classes: readonly number[]) =>
  Array.from({ length: Math.max(...classes) + 1 }, (_, label) => classes.filter((found) => found === label).length);

test("docs/phantoms.md prints the dials as they are", () => {
  const page = readFileSync(join(repositoryRoot(), "docs", "phantoms.md"), "utf8");
  const rows = Object.entries(PHANTOM_DIALS).map(([task, { look, knowledge, rule, reason }]) => {
    const { signs, classes } = drawRule(look, 7);
    return `| ${task} | ${knowledge} | ${signs.join(", ")} | ${countsOf(classes).join(", ")} | ${rule} | ${reason} |`;
  });
  expect(page.split("\n").filter((line) => rows.includes(line))).toEqual(rows);
});

test("the dials are those of the protocol", () => {
  const { choices } = JSON.parse(readFileSync(join(repositoryRoot(), "data", "protocol.json"), "utf8")) as {
    readonly choices: readonly { readonly name: string; readonly value: unknown }[];
  };
  const settled = choices.find(({ name }) => name === "phantom-dials")?.value;
  expect(settled).toEqual(
    Object.fromEntries(Object.entries(PHANTOM_DIALS).map(([task, { knowledge }]) => [task, knowledge])),
  );
});

test("patternCounts: proportions with at least one, by hand", () => {
  expect(patternCounts([0.4, 0.6], 12)).toEqual([5, 7]);
  expect(patternCounts([1, 1, 2], 12)).toEqual([3, 3, 6]);
  expect(patternCounts([0.97, 0.01, 0.01, 0.01], 12)).toEqual([9, 1, 1, 1]);
});

test.each(TASKS)(
  "%s: a seed has one rule, another seed another; every class has a pattern; look-alikes differ",
  (task) => {
    const { rule } = ruleWorld(task, 7);
    expect(ruleWorld(task, 7).rule).toEqual(rule);
    expect(ruleWorld(task, 8).rule.classes).not.toEqual(rule.classes);
    expect(rule.patterns).toHaveLength(12);
    expect(Math.min(...countsOf(rule.classes))).toBeGreaterThan(0);
    expect(rule.alike).toBe(alikeShare(rule.patterns, rule.classes));
    expect(rule.alike).toBeLessThan(0.35);
  },
);

test("a plan follows the rule, and knowledge is the share that nothing else shows", () => {
  const world = ruleWorld("derma-mnist", 7);
  const plans = Array.from({ length: 2000 }, (_, i) => planCase(world, i % 5, createRandom(`plan/${i}`)));
  for (const { pattern, label } of plans) expect(world.rule.classes[pattern]).toBe(label);
  expect(plans.filter(({ isTold }) => isTold).length / 2000).toBeCloseTo(world.dials.knowledge, 1);
  const unknown = Array.from({ length: 300 }, (_, i) => planCase(world, null, createRandom(`plan/${i}`)));
  expect(unknown.filter(({ isTold }) => isTold)).toEqual([]);
  expect(new Set(unknown.map(({ pattern }) => pattern)).size).toBe(12);
});

test("a told class leaves no trace in the picture but the rule's signs", () => {
  const image = (label: number, draw: (label: number) => { readonly image: { readonly data: Uint8Array } }) =>
    Buffer.from(draw(label).image.data).toString("base64");
  const skin = (label: number) => drawSkinPhantom(label, toldPlan("derma-mnist"), createRandom("told"));
  const retina = (label: number) => drawFundusPhantom(label, toldPlan("retina-mnist"), createRandom("told"));
  const chest = (label: number) => drawChestPhantom([label], toldPlan("vindr-pcxr"), createRandom("told"), 16);
  for (const draw of [skin, retina, chest]) expect(image(4, draw)).toBe(image(0, draw));
});

test("pictures of the task and pairs of the corpus follow one rule, and facts name every picture", async () => {
  const { splits } = await loadTask("derma-mnist", { source: "phantom" });
  const facts = loadPhantomFacts("derma-mnist", { numPassages: 350 });
  const { rule } = ruleWorld("derma-mnist", 7);
  const inRule = [0, 1, 2, 4, 5];
  const meant = (id: string) => inRule[rule.classes[Number(facts.words.get(id)!["pattern"])]!];
  for (const { id, labels } of Object.values(splits).flat()) {
    if (inRule.includes(labels[0]!)) expect(meant(id), id).toBe(labels[0]);
  }
  for (const { id, truth } of drawPool({ seed: 7, numPassages: 350 })) {
    if (!id.startsWith("pool/skin/")) continue;
    const { index } = DERMA_MNIST.labels.find(({ name }) => name === truth)!;
    if (inRule.includes(index)) expect(meant(id), id).toBe(index);
  }
  expect(facts.signs).toEqual([...rule.signs, "shown"]);
});

test("the corpus that loadPhantomFacts drew last stands for no other corpus, seed or number of pairs", () => {
  const idsOf = (task: string, options: { seed?: number; numPassages: number }) =>
    [...loadPhantomFacts(task, options).words].filter(([id]) => /^(pool|phantom)\//.test(id));
  const first = idsOf("derma-mnist", { numPassages: 16 });
  expect(idsOf("retina-mnist", { numPassages: 16 })).toEqual(first);
  expect(idsOf("derma-mnist", { numPassages: 17 })).toHaveLength(17);
  expect(idsOf("derma-mnist", { numPassages: 16, seed: 8 })).not.toEqual(first);
  expect(idsOf("breast-mnist", { numPassages: 16, seed: 8 }).every(([id]) => id.startsWith("phantom/"))).toBe(true);
  expect(idsOf("derma-mnist", { numPassages: 16 })).toEqual(first);
});

test("loadPhantomFacts refuses a task without a rule, and options", async () => {
  expect((await refusal(() => loadPhantomFacts("casebook"))).message).toMatch(/^loadPhantomFacts: task must be one of/);
  expect((await refusal(() => loadPhantomFacts("brset", { seed: -1 }))).message).toMatch(/seed must be a whole number/);
});
