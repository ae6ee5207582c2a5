import { describe, expect, it } from "vitest";
import { voteAnswers, voteLabelSets } from "../../src/answers/fusion";

describe("voteLabelSets", () => {
  it("decides each label by more than half of the weight", () => {
    const vote = voteLabelSets([[0, 1], [0], [2]], [0.5, 0.3, 0.2], 3);
    expect(vote.answer).toEqual([0]);
    [0.8, 0.5, 0.2].forEach((share, label) => {
      expect(vote.shares[label]).toBeCloseTo(share, 12);
    });
  });

  it("with one reading is its set; with none readable is null", () => {
    expect(voteLabelSets([[2, 0]], [1], 3).answer).toEqual([0, 2]);
    expect(voteLabelSets([[]], [1], 3).answer).toEqual([]);
    expect(voteLabelSets([null], [1], 3)).toEqual({ answer: null, shares: [0, 0, 0] });
  });

  it("leaves unreadable readings out, unless they hold most of the weight", () => {
    expect(voteLabelSets([[1], null], [0.5, 0.5], 2)).toEqual({ answer: [1], shares: [0, 1] });
    expect(voteLabelSets([[1], null], [0.4, 0.6], 2).answer).toBeNull();
  });

  it("can choose a set that no reading wrote", () => {
    const third = [1 / 3, 1 / 3, 1 / 3];
    expect(
      voteLabelSets(
        [
          [0, 1],
          [1, 2],
          [0, 2],
        ],
        third,
        3,
      ).answer,
    ).toEqual([0, 1, 2]);
  });

  it("does not depend on the order of the readings", () => {
    const there = voteLabelSets([[0], [1, 2], null], [0.3, 0.6, 0.1], 3);
    const back = voteLabelSets([null, [1, 2], [0]], [0.1, 0.6, 0.3], 3);
    expect(back.answer).toEqual(there.answer);
  });
});

describe("voteAnswers", () => {
  it("adds up wordings that differ in case, articles and marks, and says the first of them", () => {
    expect(voteAnswers(["Left lung.", "liver", "the left lung"], [0.3, 0.4, 0.3])).toBe("Left lung.");
  });

  it("takes the earlier of two equals", () => {
    expect(voteAnswers(["liver", "spleen"], [0.5, 0.5])).toBe("liver");
  });

  it("says nothing when most of the weight says nothing", () => {
    expect(voteAnswers(["", "liver"], [0.6, 0.4])).toBeNull();
    expect(voteAnswers(["…", "liver"], [0.5, 0.5])).toBe("liver");
    expect(voteAnswers([" "], [1])).toBeNull();
  });

  it("refuses weights that are no distribution, and no reading", () => {
    expect(() => voteAnswers(["a"], [0.5])).toThrow("voteAnswers: weights must be at least 0 and sum to 1; got [0.5].");
    expect(() => voteLabelSets([], [], 2)).toThrow("voteLabelSets: readings must hold at least one; got 0.");
  });
});
