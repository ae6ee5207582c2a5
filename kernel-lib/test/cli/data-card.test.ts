import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import { corpusCard, taskCard, withCards } from "../../src/cli/data-card";
import { CORPORA } from "../../src/data/corpora/corpora";
import { TASKS } from "../../src/data/tasks/tasks";

test("data/README.md holds the cards as the task files make them (npm run data -- card --write)", () => {
  const readme = readFileSync(join(repositoryRoot(), "data", "README.md"), "utf8");
  expect(withCards(readme)).toBe(readme);
});

test("withCards keeps the text around the cards and changes nothing the second time", () => {
  const once = withCards("# Data\n\nabove\n");
  expect(once).toMatch(/^# Data\n\nabove\n\n## Task cards\n/);
  expect(withCards(once)).toBe(once);
  expect(withCards(once.replace("- Pictures: dermoscopy", "- Pictures: edited"))).toBe(once);
});

test("every task's card says licence, citation, splits, and where it comes from", () => {
  for (const task of TASKS.values()) {
    const card = taskCard(task);
    for (const field of ["Licence", "Citation", "Splits", "Obtain", "Read from", "Answer", "Metrics", "Stand-in"]) {
      expect(card).toMatch(new RegExp(`\\n- ${field}: \\S`));
    }
  }
});

test("every corpus's card says licence, citation, and where it comes from", () => {
  for (const corpus of CORPORA.values()) {
    const card = corpusCard(corpus);
    for (const field of ["Licence", "Citation", "Obtain", "Read from", "Stand-in"]) {
      expect(card).toMatch(new RegExp(`\\n- ${field}: \\S`));
    }
    expect(/- Fetch: /.test(card)).toBe(corpus.publications.length > 0);
  }
});
