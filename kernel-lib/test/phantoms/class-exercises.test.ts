import { describe, expect, test } from "vitest";
import { createRandom } from "../../src/base/random";
import { CLASS_MODES, type ClassMode, DRAW_CLASS_EXERCISE } from "../../src/phantoms/general/class-exercises";
import { attributeOf } from "../../src/phantoms/general/world";

const draw = (mode: ClassMode, i: number) => DRAW_CLASS_EXERCISE[mode](createRandom(`class exercise/${i}`));
const namesOf = (question: string) => question.split(/ \d+ : /).slice(1);
const numbersOf = (answer: string) => (answer === "none" ? [] : answer.split(", ").map(Number));
const COUNT = 200;

describe.each(CLASS_MODES)("%s", (mode) => {
  test("is the same for the same draw", () => {
    expect(draw(mode, 3)).toEqual(draw(mode, 3));
    expect(new Set([3, 4, 5, 6].map((i) => draw(mode, i).question)).size).toBeGreaterThan(1);
  });
});

test.each(["listClass", "listSet"] as const)("%s: the background names exactly the classes of the answer", (mode) => {
  const sizes = new Set<number>();
  const answers = new Set<string>();
  for (let i = 0; i < COUNT; i++) {
    const { passage, question, answer } = draw(mode, i);
    const names = namesOf(question);
    expect(new Set(names).size).toBe(names.length);
    expect(names.flatMap((name, number) => (` ${passage!.text} `.includes(` ${name} `) ? [number] : []))).toEqual(
      numbersOf(answer),
    );
    sizes.add(names.length);
    answers.add(answer);
  }
  expect([Math.min(...sizes), Math.max(...sizes)]).toEqual([2, 15]);
  if (mode === "listClass")
    expect(answers.size).toBeGreaterThan(12); // every number comes up as an answer
  else
    expect([...answers].some((answer) => answer === "none") && [...answers].some((a) => a.includes(", "))).toBe(true);
});

test("seeSet: the answer is what the picture has of the listed properties", () => {
  for (let i = 0; i < COUNT; i++) {
    const { scene, question, answer } = draw("seeSet", i);
    const true_ = new Set<string>(Object.values(scene.attributes));
    const found = namesOf(question).flatMap((name, number) => (true_.has(name) ? [number] : []));
    expect(found).toEqual(numbersOf(answer));
    expect(namesOf(question).length).toBeLessThanOrEqual(15);
  }
  expect(attributeOf("border").words).toHaveLength(3);
});

test("confirmWord: yes exactly when the background's word is the asked one, about half of the time", () => {
  let yes = 0;
  for (let i = 0; i < COUNT; i++) {
    const { passage, question, answer } = draw("confirmWord", i);
    const asked = question.match(/^is the word (.+) \?$/)![1];
    expect(answer).toBe(passage!.text.endsWith(`the word is ${asked}`) ? "yes" : "no");
    yes += Number(answer === "yes");
  }
  expect(yes / COUNT).toBeGreaterThan(0.35);
  expect(yes / COUNT).toBeLessThan(0.65);
});
