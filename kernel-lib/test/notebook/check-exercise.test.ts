import { describe, expect, it } from "vitest";
import { checkExercise } from "../../src/notebook/cell-tools";

const isHalf = (share: number): boolean => Math.abs(share - 1 / 2) < 0.01;
const hint = "Count both sides.";

describe("checkExercise", () => {
  it("says right within what the check allows, and gives the hint outside it", () => {
    expect(checkExercise(0.505, isHalf, hint)).toBe("right");
    expect(checkExercise(0.52, isHalf, hint)).toBe("not yet: Count both sides.");
    expect(checkExercise(Number.NaN, isHalf, hint)).toBe("not yet: Count both sides.");
  });

  it("asks for an answer without judging it", () => {
    const judged: unknown[] = [];
    const text = checkExercise(undefined, (answer) => judged.push(answer) > 0, hint);
    expect(text).toBe("not answered yet: fill in the cell above, then run it and this one");
    expect(judged).toEqual([]);
  });

  it("takes null, zero, false and an empty text for answers", () => {
    for (const answer of [null, 0, false, ""])
      expect(checkExercise<unknown>(answer, (given) => given === answer, hint)).toBe("right");
  });

  it("tells what an answer broke instead of failing", () => {
    const answer = null as unknown as number[];
    expect(checkExercise(answer, (list) => list.length === 1, hint)).toMatch(
      /^not yet: Count both sides\. \(The check stopped at: Cannot read properties of null/,
    );
    const thrown = checkExercise(
      1,
      () => {
        throw "a text";
      },
      hint,
    );
    expect(thrown).toBe("not yet: Count both sides. (The check stopped at: a text)");
  });
});
