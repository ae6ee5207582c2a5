import { describe, expect, it } from "vitest";
import { voteAnswers, words } from "../../src/answers/words";

describe("voteAnswers", () => {
  it("adds up wordings that differ in case, articles and marks, and says the first of them", () => {
    expect(voteAnswers(["Left lung.", "liver", "the left lung"], [0.3, 0.4, 0.3])).toBe("Left lung.");
  });

  it("keeps apart what differs in where words end", () => {
    expect(voteAnswers(["left lung", "leftlung", "spleen"], [0.3, 0.3, 0.4])).toBe("spleen");
  });

  it("takes the earlier of two equals", () => {
    expect(voteAnswers(["liver", "spleen"], [0.5, 0.5])).toBe("liver");
  });

  it("says nothing when most of the weight says nothing", () => {
    expect(voteAnswers(["", "liver"], [0.6, 0.4])).toBeNull();
    expect(voteAnswers(["…", "liver"], [0.5, 0.5])).toBe("liver");
    expect(voteAnswers([" "], [1])).toBeNull();
    expect(voteAnswers([null, "liver"], [0.6, 0.4])).toBeNull();
  });

  it("refuses weights that are no distribution, and no reading", () => {
    expect(() => voteAnswers(["a"], [0.5])).toThrow("voteAnswers: weights must be at least 0 and sum to 1; got [0.5].");
    expect(() => voteAnswers([], [])).toThrow("voteAnswers: readings must hold at least one; got 0.");
  });
});

describe("the form of words", () => {
  it("reads a text as it stands, without the white space around it, and nothing into one without a word", () => {
    expect(words.parse(" Left lung.\n", [])).toBe("Left lung.");
    expect(words.parse("…", [])).toBeNull();
  });

  it("words answers so that the same words are the same answer", () => {
    expect(words.wording("The left lung.")).toBe(words.wording("left  lung"));
    expect(words.wording("?!")).toBeNull();
  });
});
