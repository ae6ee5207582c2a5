import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  formatReport,
  listFiguresSince,
  readEarlierRun,
  recordRun,
  scheduleNotebooks,
  selectNotebooks,
  sharedStages,
} from "../../src/cli/reproduce-notebooks";
import { parseReproduce } from "../../src/cli/reproduce-options";
import { taskDefinition } from "../../src/phantoms/load-task";
import { ablations, systemNames } from "../../src/systems/systems";
import { REPOSITORY } from "../setup/fakes";

const SYSTEM_NAMES = systemNames();

const folder = mkdtempSync(join(tmpdir(), "jomed-reproduce-"));
afterAll(() => rmSync(folder, { recursive: true }));

const FILES = ["a/00.ipynb", "a/01.ipynb", "a/02.ipynb", "a/03.ipynb"];

describe("the notebooks' schedule", () => {
  const isAlone = availableParallelism() < 2;

  test("is their order while nothing is known, four at a time, of which some wait for others", () => {
    const lanes = isAlone ? 1 : 4;
    expect(scheduleNotebooks(FILES, readEarlierRun(join(folder, "none")))).toEqual({
      order: FILES,
      lanes,
      beside: null,
    });
  });

  test("begins the longest fourth, and computes beside the notebooks what they share, while nothing is known", () => {
    const files = ["00", "01", "02", "04", "05-ablations", "06"].map((name) => `a/${name}.ipynb`);
    const beside = { tasks: ["casebook"] };
    const { order, ...rest } = scheduleNotebooks(files, null, beside);
    expect(order).toEqual(["00", "01", "02", "05-ablations", "04", "06"].map((name) => `a/${name}.ipynb`));
    expect(rest).toEqual(isAlone ? { lanes: 1, beside: null } : { lanes: 4, beside });
    expect(scheduleNotebooks(files, new Map(), beside).beside).toBeNull();
  });

  test("begins the longest of the last run first; equally long and new ones keep their order", () => {
    const file = join(folder, "reports", "default.finished");
    recordRun(file, [
      { notebook: "00", seconds: 4 },
      { notebook: "01", seconds: 9.5 },
      { notebook: "02", seconds: 4 },
    ]);
    const { order, lanes } = scheduleNotebooks(FILES, readEarlierRun(file));
    expect(order).toEqual(["a/01.ipynb", "a/00.ipynb", "a/02.ipynb", "a/03.ipynb"]);
    expect(lanes).toBe(isAlone ? 1 : 2);
    expect(readdirSync(join(folder, "reports"))).toEqual(["default.finished"]);
  });

  test.each(["", "{", "[]", '{"notebooks":["00"]}', "null"])("takes a file with %j for none", (text) => {
    const file = join(folder, "odd.finished");
    writeFileSync(file, text);
    expect(readEarlierRun(file)).toBeNull();
  });
});

describe("what the notebooks share", () => {
  const parse = (...argv: string[]) => sharedStages(parseReproduce(argv, {}, "/project"));

  test("are the systems that their cells name, on their own task", () => {
    const notebooks = join(REPOSITORY, "notebooks");
    const sources = readdirSync(notebooks)
      .filter((name) => name.endsWith(".ipynb"))
      .map((name) => readFileSync(join(notebooks, name), "utf8"));
    const asked = sources.flatMap((source) =>
      [...source.matchAll(/system: \\"([a-z-]+)\\"/g)].map(([, name]) => name!),
    );
    const trained = ablations().flatMap(({ name, training }) => (training === undefined ? [] : [name]));
    const { systems, tasks, seeds, profile } = parse()!;
    expect(new Set(systems)).toEqual(new Set([...asked, ...trained].filter((name) => SYSTEM_NAMES.includes(name))));
    expect(sources.every((source) => source.includes(`taskName = \\"${tasks![0]}\\"`))).toBe(true);
    expect([tasks!.length, seeds, profile]).toEqual([1, [7], "quick"]);
    expect(taskDefinition(tasks![0]!).replicaTraining).toBe("profile"); // the grid trains it as the notebooks do
  });

  test("are known of whole runs on drawn data with the notebooks' own parameters", () => {
    expect(parse("--seed", "8")).toMatchObject({ seeds: [8] });
    expect(parse("--profile", "full", "--seed", "8")).toMatchObject({ profile: "quick" });
    for (const words of [
      ["--notebook", "03"],
      ["--source", "real"],
      ["--param", "taskName=slake"],
    ])
      expect(parse(...words)).toBeNull();
  });
});

describe("the notebooks of a run", () => {
  test("are selected by the beginning of their names, in order", async () => {
    for (const name of ["01-b.ipynb", "00-a.ipynb", "notes.md"]) writeFileSync(join(folder, name), "");
    expect(await selectNotebooks(folder, [])).toEqual([join(folder, "00-a.ipynb"), join(folder, "01-b.ipynb")]);
    expect(await selectNotebooks(folder, ["01"])).toEqual([join(folder, "01-b.ipynb")]);
    await expect(selectNotebooks(folder, ["9"])).rejects.toThrow("got 9. Use one of 00-a, 01-b.");
  });

  test("have the figures written since a notebook began", async () => {
    for (const name of ["old.json", "new.json", "new.svg"]) writeFileSync(join(folder, name), "");
    utimesSync(join(folder, "old.json"), 1, 1);
    expect(await listFiguresSince(folder, Date.now() - 60_000)).toEqual(["new"]);
    expect(await listFiguresSince(join(folder, "missing"), 0)).toEqual([]);
  });

  test("are told in a table with sums", () => {
    const reports = [
      { notebook: "00-a", seconds: 30, figures: ["figure-1"] },
      { notebook: "01-longer", seconds: 6, figures: [] },
    ];
    expect(formatReport(reports, 40)).toBe(
      "notebook   minutes  figures\n00-a          0.50  figure-1\n01-longer     0.10\ntotal         0.67  1",
    );
  });
});
