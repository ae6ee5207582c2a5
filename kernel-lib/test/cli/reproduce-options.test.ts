import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { parseReproduce } from "../../src/cli/reproduce-options";

const parse = (argv: string[], env: Record<string, string> = {}) => parseReproduce(argv, env, "/project");

describe("parseReproduce", () => {
  it("without arguments runs everything on phantoms as the notebooks are, into a report beside the committed files", () => {
    expect(parse([])).toEqual({
      profile: "quick",
      seed: 7,
      source: "phantom",
      notebooks: [],
      parameters: {},
      settings: "default",
      target: "report",
      notebooksDir: "/project/data/artifacts/reports/phantom-quick-7/notebooks",
      figuresDir: "/project/data/artifacts/reports/phantom-quick-7/figures",
      dataDir: null,
      name: "phantom-quick-7",
      grid: null,
    });
  });

  it("--update writes over the committed notebooks and figures, of one notebook too", () => {
    const committed = { settings: "default", target: "committed", notebooksDir: null, figuresDir: "/project/figures" };
    expect(parse(["--update"])).toMatchObject(committed);
    expect(parse(["--update", "--notebook", "03"])).toMatchObject({ ...committed, notebooks: ["03"] });
    expect(parse(["--update", "--source", "phantom"], { JOMED_DATA_DIR: "/d" })).toMatchObject(committed);
  });

  it("takes real data where a data folder is named", () => {
    const options = parse([], { JOMED_DATA_DIR: "../data", JOMED_FIGURES_DIR: "/project/figures" });
    expect(options).toMatchObject({
      source: "real",
      settings: "chosen",
      target: "report",
      name: "real-quick-7",
      dataDir: resolve("../data"),
    });
    expect(options.figuresDir).toBe("/project/data/artifacts/reports/real-quick-7/figures");
    expect(options.notebooksDir).toBe("/project/data/artifacts/reports/real-quick-7/notebooks");
    expect(parse(["--source", "phantom"], { JOMED_DATA_DIR: "/d" }).settings).toBe("default");
  });

  it.each([
    [["--seed", "8"], "phantom-quick-8"],
    [["--profile", "test"], "phantom-test-7"],
    [["--param", "numPassages=4"], "phantom-quick-7-numPassages=4"],
    [["--source", "real"], "real-quick-7"],
  ])("%j is no default run, and never writes over committed files", (argv, name) => {
    expect(parse(argv)).toMatchObject({ settings: "chosen", target: "report", name });
    expect(() => parse([...argv, "--update"])).toThrow(
      `--update must go with the default settings (phantom-quick-7); got ${name}.`,
    );
  });

  it("names of unusual values are safe file names and differ", () => {
    const names = ["a/b", "a?b", "x".repeat(200)].map((value) => parse(["--param", `text=${value}`]).name);
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^[\w.=-]{1,80}$/);
  });

  it("--out writes there", () => {
    expect(parse(["--out", "/o"])).toMatchObject({
      notebooksDir: "/o/notebooks",
      figuresDir: "/o/figures",
      target: "report",
    });
  });

  it.each([
    [["--seed", "x"], "--seed must be a whole number"],
    [["--seed", "-1"], "reproduce:"],
    [["--profile", "huge"], '--profile must be one of quick, full, paper, test; got "huge"'],
    [["--source", "fake"], '--source must be one of phantom, real; got "fake"'],
    [["--param", "x"], "must be written name=value"],
    [["--param", "seed=3"], "--param must not name seed; got seed. Use --seed."],
    [["--update", "--out", "/o"], "--update and --out must not be given together"],
    [["--what"], "Unknown option '--what'"],
    [["03"], "Unexpected argument '03'"],
  ])("%j is refused", (argv, message) => {
    expect(() => parse(argv)).toThrow(message);
  });
});
