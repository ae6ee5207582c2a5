import { describe, expect, test } from "vitest";
import { createRandom } from "../../src/base/random";
import { drawPicturePair, sharesWord } from "../../src/phantoms/general/picture-pairs";
import { ATTRIBUTES } from "../../src/phantoms/general/world";

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
