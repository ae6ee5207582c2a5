import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { parseReproduce } from "../../src/cli/reproduce-options";

const parse = (argv: string[], env: Record<string, string> = {}) => parseReproduce(argv, env, "/project");

describe("parseReproduce", () => {
  it("without arguments runs everything on phantoms, into the tracked files", () => {
    expect(parse([])).toEqual({
      profile: "quick",
      seed: 7,
      source: "phantom",
      notebooks: [],
      parameters: {},
      target: "tracked",
      notebooksDir: null,
      figuresDir: "/project/figures",
      dataDir: null,
      name: "phantom-quick-7",
      grid: null,
    });
    expect(parse([], { JOMED_FIGURES_DIR: "/elsewhere" }).figuresDir).toBe("/elsewhere");
  });

  it("takes real data where a data folder is named, and then never writes into tracked files", () => {
    const options = parse([], { JOMED_DATA_DIR: "../data", JOMED_FIGURES_DIR: "/project/figures" });
    expect(options).toMatchObject({
      source: "real",
      target: "report",
      name: "real-quick-7",
      dataDir: resolve("../data"),
    });
    expect(options.figuresDir).toBe("/project/data/artifacts/reports/real-quick-7/figures");
    expect(options.notebooksDir).toBe("/project/data/artifacts/reports/real-quick-7/notebooks");
    expect(parse(["--source", "phantom"], { JOMED_DATA_DIR: "/d" }).target).toBe("tracked");
  });

  it.each([
    [["--seed", "8"], "phantom-quick-8"],
    [["--profile", "test"], "phantom-test-7"],
    [["--param", "numPassages=4"], "phantom-quick-7-numPassages=4"],
    [["--source", "real"], "real-quick-7"],
  ])("%j is no default run", (argv, name) => {
    expect(parse(argv)).toMatchObject({ target: "report", name });
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
    [["--what"], "Unknown option '--what'"],
    [["03"], "Unexpected argument '03'"],
  ])("%j is refused", (argv, message) => {
    expect(() => parse(argv)).toThrow(message);
  });
});
