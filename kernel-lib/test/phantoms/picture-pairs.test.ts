import { describe, expect, test } from "vitest";
import { createRandom } from "../../src/base/random";
import { drawPicturePair, drawSightTest, sharesWord } from "../../src/phantoms/general/picture-pairs";
import { ATTRIBUTES, attributeOf, drawClear } from "../../src/phantoms/general/world";

const COUNT = 400;
const draw = (asked = {}) =>
  Array.from({ length: COUNT }, (_, i) => drawPicturePair(createRandom(`picture pair/${i}`), asked));

describe("drawPicturePair", () => {
  test("is the same for the same draw", () => {
    const [one, other] = [0, 0].map(() => drawPicturePair(createRandom("pair")));
    expect(one).toEqual(other);
  });

  test("each attribute is shared by half of the pairs, whatever the others do", () => {
    const pairs = draw();
    const verdicts = ATTRIBUTES.map(({ name }) =>
      pairs.map(({ scene, companion }) => sharesWord(scene, companion, name)),
    );
    for (const shared of verdicts) {
      // five standard errors of a fair coin
      expect(Math.abs(shared.filter(Boolean).length / COUNT - 0.5)).toBeLessThan((5 * 0.5) / Math.sqrt(COUNT));
    }
    const [first, ...others] = verdicts;
    for (const other of others) {
      const agree = other.filter((verdict, i) => verdict === first![i]).length / COUNT;
      expect(Math.abs(agree - 0.5)).toBeLessThan((5 * 0.5) / Math.sqrt(COUNT));
    }
  });

  test("the answer is the verdict on the attribute that the question names", () => {
    for (const { scene, companion, asked, exercise } of draw()) {
      expect(exercise.question).toBe(`do both pictures have the same ${asked} ?`);
      expect(exercise.answer).toBe(scene.attributes[asked] === companion.attributes[asked] ? "yes" : "no");
      expect(exercise.image).toBe(scene.image);
      expect(exercise.passage!.image).toBe(companion.image);
      expect(["a picture", companion.caption]).toContain(exercise.passage!.text);
    }
  });

  test("attributes are asked for as often as their weights say", () => {
    const weights = Object.fromEntries(ATTRIBUTES.map(({ name }) => [name, 0]));
    const names = draw({ ...weights, grain: 3, size: 1 }).map(({ asked }) => asked);
    expect(new Set(names)).toEqual(new Set(["grain", "size"]));
    expect(Math.abs(names.filter((name) => name === "grain").length / COUNT - 0.75)).toBeLessThan(0.11);
  });
});

describe("drawSightTest", () => {
  const tests = Array.from({ length: 120 }, (_, i) => drawSightTest("border", createRandom(`sight/${i}`)));

  test("asks for every word about equally often, and half of the pairs share it", () => {
    const { words } = attributeOf("border");
    for (const word of words) {
      const share = tests.filter(({ named }) => named.answer === word).length / tests.length;
      expect(Math.abs(share - 1 / 3)).toBeLessThan(0.2);
    }
    const same = tests.filter(({ compared }) => compared.answer === "yes").length / tests.length;
    expect(Math.abs(same - 0.5)).toBeLessThan(0.23);
  });

  test("no text tells: the background says nothing of its picture", () => {
    expect(new Set(tests.map(({ compared }) => compared.passage!.text))).toEqual(new Set(["a picture"]));
    expect(new Set(tests.map(({ named }) => named.passage))).toEqual(new Set([null]));
  });
});

test("clear values lie in the middle of their word's range", () => {
  const random = createRandom("clear");
  const [low, high] = attributeOf("size").bounds.slice(0, 2) as [number, number];
  const values = Array.from({ length: 200 }, () => drawClear("size", "small", random));
  const margin = 0.34 * (high - low);
  expect(Math.min(...values)).toBeGreaterThan(low + margin);
  expect(Math.max(...values)).toBeLessThan(high - margin);
});
