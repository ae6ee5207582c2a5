import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { complaintError, judge, warningText } from "../../../src/kernel/serve/complaints";
import { isComplete } from "../../../src/kernel/serve/introspect";
import type { Complaint } from "../../../src/kernel/types/cell-types";

const complaint = (code: number, message: string): Complaint => ({
  code,
  message,
  line: 2,
  column: 7,
  length: 3,
  kind: code < 2000 ? "syntax" : "type",
});
const wrong = complaint(2322, "Type 'null' is not assignable to type 'string'.");
const perhaps = complaint(
  2345,
  "Argument of type 'Passage | undefined' is not assignable to parameter of type 'Passage'.",
);
const possibly = complaint(18048, "'p' is possibly 'undefined'.");
const grammar = complaint(1005, "';' expected.");

describe("complaints of the type checker", () => {
  it("stop a cell when something is wrong, and are only shown when something may be missing", () => {
    const all = [wrong, perhaps, possibly, grammar];
    expect(judge(all, "x", "block")).toEqual({ errors: [wrong, grammar], warnings: [perhaps, possibly] });
    const target = complaint(2322, "Type 'number' is not assignable to type 'string | undefined'.");
    expect(judge([target], "x", "block").errors).toEqual([target]);
  });

  it("are only shown, or left out, when the user says so; the grammar is not negotiable", () => {
    expect(judge([wrong, grammar], "x", "warn")).toEqual({ errors: [grammar], warnings: [wrong] });
    expect(judge([wrong, grammar], "x", "off")).toEqual({ errors: [grammar], warnings: [] });
    expect(judge([wrong], "// a comment\n// @ts-nocheck\nx", "block")).toEqual({ errors: [], warnings: [] });
    expect(judge([wrong], "x // @ts-nocheck", "block").errors).toEqual([wrong]);
  });

  it("name code, position and the marked line", () => {
    const source = "let a;\nconst abc: string = null;";
    const error = complaintError([wrong, wrong], "Cell [3]", source);
    expect(error).toMatchObject({
      ename: "TypeScriptError",
      evalue: "2:7 - TS2322: Type 'null' is not assignable to type 'string'. (and 1 more)",
    });
    const text = stripVTControlCharacters(error.traceback.join("\n"));
    expect(text).toContain(
      "Cell [3], line 2, column 7\n  1 | let a;\n> 2 | const abc: string = null;\n    |       ^^^",
    );
    expect(complaintError([grammar], "Cell [3]", source).ename).toBe("SyntaxError");
    expect(warningText([possibly], "Cell [3]", source)).toContain("TS18048");
  });
});

describe("is_complete", () => {
  it.each([
    ["1", "complete"],
    ["const f = async () => {\n  await x;\n}", "complete"],
    ["function f() {", "incomplete"],
    ["const s = `a", "incomplete"],
    ["/* a", "incomplete"],
    ["[1,", "incomplete"],
    ["f(a,\n", "incomplete"],
    ["x +", "incomplete"],
    ["const = 3", "invalid"],
    ["a b c", "invalid"],
    ["f(]", "invalid"],
  ])("%j is %s", (code, status) => {
    expect(isComplete(code)["status"]).toBe(status);
  });
});
