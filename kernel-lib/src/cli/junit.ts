import { stripVTControlCharacters } from "node:util";
import { escapeHtml } from "../base/plain-text";
import type { CellReport } from "../notebook/runner";

/** What running notebooks gave, as the JUnit XML that CI systems show: a test suite a notebook, a test case a cell. */

/** How one notebook of a run fared. */
export interface NotebookOutcome {
  /** Path of the notebook, as it is to be named. */
  readonly file: string;
  /** Seconds with the kernel's start; 0 for one that was not begun. */
  readonly seconds: number;
  /** "skipped": not begun, because the run was stopped. */
  readonly state: "ok" | "failed" | "skipped";
  /** Its code cells as far as they were told of, in order. */
  readonly cells: readonly CellReport[];
  /** Why it failed, in words; "" where it did not. */
  readonly message: string;
}

/** Text for an element or an attribute: without colours, with nothing that XML 1.0 forbids, line ends kept in attributes too. */
function xmlText(text: string): string {
  return escapeHtml(stripVTControlCharacters(text));
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${xmlText(String(value)).replaceAll("\n", "&#10;").replaceAll("\t", "&#9;")}"`)
    .join("");
}

const seconds = (value: number): string => value.toFixed(3);

interface TestCase {
  readonly state: "ok" | "failure" | "error" | "skipped";
  readonly xml: string;
}

function testCase(classname: string, name: string, time: number, inner: string): string {
  const head = `    <testcase${attributes({ name, classname, time: seconds(time) })}`;
  return inner === "" ? `${head}/>` : `${head}>\n      ${inner}\n    </testcase>`;
}

function cellCase(classname: string, { position, id, seconds: time, state, error }: CellReport): TestCase {
  const make = (result: TestCase["state"], inner: string): TestCase => ({
    state: result,
    xml: testCase(classname, `cell ${position} (${id})`, time, inner),
  });
  if (state === "ok") return make("ok", "");
  if (state === "skipped") return make("skipped", "<skipped/>");
  const { ename, evalue, traceback } = error ?? { ename: "Error", evalue: "the cell failed", traceback: [] };
  const said = attributes({ message: `${ename}: ${evalue}`, type: ename });
  return make("failure", `<failure${said}>${xmlText(traceback.join("\n"))}</failure>`);
}

/** What is no cell's: a kernel that did not start, a file that is no notebook, a notebook that was not begun. */
function wholeCase(classname: string, { state, message, seconds: time }: NotebookOutcome): TestCase {
  const make = (result: TestCase["state"], inner: string): TestCase => ({
    state: result,
    xml: testCase(classname, "notebook", time, inner),
  });
  if (state === "skipped") return make("skipped", '<skipped message="not begun: the run was stopped"/>');
  const said = attributes({ message: message.split("\n")[0]! });
  return make("error", `<error${said}>${xmlText(message)}</error>`);
}

function countsOf(cases: readonly TestCase[]): Record<string, number> {
  const count = (state: TestCase["state"]): number => cases.filter((one) => one.state === state).length;
  return { tests: cases.length, failures: count("failure"), errors: count("error"), skipped: count("skipped") };
}

function casesOf(outcome: NotebookOutcome): TestCase[] {
  const classname = outcome.file.replace(/\.ipynb$/, "");
  const cells = outcome.cells.map((cell) => cellCase(classname, cell));
  const isTold = outcome.state === "ok" || cells.some(({ state }) => state === "failure");
  return isTold ? cells : [...cells, wholeCase(classname, outcome)];
}

/**
 * The JUnit XML of a run: a testsuite a notebook with a testcase a code cell. A failed cell has a `failure` (name, message,
 * traceback), those behind it are `skipped`; what stopped a notebook outside its cells is the `error` of a testcase "notebook".
 *
 * @param time seconds of the whole run.
 */
export function formatJunit(outcomes: readonly NotebookOutcome[], time: number): string {
  const suites = outcomes.map((outcome) => ({ outcome, cases: casesOf(outcome) }));
  const all = countsOf(suites.flatMap(({ cases }) => cases));
  const body = suites.flatMap(({ outcome, cases }) => [
    `  <testsuite${attributes({ name: outcome.file, ...countsOf(cases), time: seconds(outcome.seconds) })}>`,
    ...cases.map(({ xml }) => xml),
    "  </testsuite>",
  ]);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name: "notebooks", ...all, time: seconds(time) })}>`,
    ...body,
    "</testsuites>",
    "",
  ].join("\n");
}
