import { describe, expect, it } from "vitest";
import { tablesOf } from "../../bench/report.mjs";
import {
  growthTable,
  INDEX_WORK,
  indexTable,
  memoryTable,
  profileTable,
  rooflineOf,
  rooflineTable,
  showExponent,
  spreadOf,
  timesTable,
} from "../../bench/summary.mjs";

const flat = (median: number) => ({ low: median, median, high: median });

describe("spreadOf", () => {
  it("is the median with quartiles, linear between neighbours", () => {
    expect(spreadOf([4, 1, 3, 2])).toEqual({ low: 1.75, median: 2.5, high: 3.25 });
    expect(spreadOf([5])).toEqual({ low: 5, median: 5, high: 5 });
  });
});

describe("the tables", () => {
  const result = {
    key: "decoder",
    name: "a step",
    flops: 6e9,
    own: { low: 0.09, median: 0.1, high: 0.12 },
    peers: [{ name: "PyTorch", time: flat(0.2), ratio: { low: 0.45, median: 0.5, high: 0.625 }, cpuRatio: flat(0.75) }],
  };

  it("have one row per case and peer, in milliseconds", () => {
    expect(
      timesTable([result, { ...result, name: "alone", peers: [] }])
        .split("\n")
        .slice(2),
    ).toEqual([
      "| a step | 100 (90 to 120) | PyTorch | 200 | 0.50 (0.45 to 0.63) | 0.75 |",
      "| alone | 100 (90 to 120) | - | - | - | - |",
    ]);
  });

  it("say how near a step comes to the matrix product of the same run", () => {
    const peak = { ...result, key: "matmul", flops: 8e9, own: flat(0.04), peers: [] };
    const roofline = rooflineOf([result, peak])!;
    expect(roofline.sides).toEqual([{ name: "own", achieved: 6 / 0.1, peak: 8 / 0.04, share: 6 / 0.1 / (8 / 0.04) }]);
    expect(rooflineTable(roofline).split("\n")[2]).toBe("| ours | 60 | 200 | 30 % |");
    const both = [result, { ...peak, peers: [{ name: "PyTorch", time: flat(0.05), ratio: flat(1), cpuRatio: null }] }];
    expect(rooflineOf(both)!.sides[1]).toEqual({ name: "PyTorch", achieved: 6 / 0.2, peak: 8 / 0.05, share: 30 / 160 });
    expect(rooflineOf([result])).toBeNull();
  });

  it("break a case down by kernel, the cheap ones together", () => {
    const kernel = (name: string, seconds: number) => ({ name, calls: 2, seconds });
    const kernels = [kernel("MatMul", 0.05), kernel("Add", 0.02), kernel("Mul", 0.01)];
    const rows = profileTable({ name: "a step", seconds: 0.1, kernels, outside: 0.02 }, 1).split("\n");
    expect(rows.slice(2)).toEqual([
      "| MatMul | 2 | 50.00 | 50 % |",
      "| other kernels | 4 | 30.00 | 30 % |",
      "| JavaScript | - | 20.00 | 20 % |",
    ]);
  });

  it("stand below each other, every profile with its six most expensive kernels", () => {
    const kernels = Array.from({ length: 8 }, (_, i) => ({ name: `kernel ${i}`, calls: 1, seconds: 0.01 }));
    const profiles = ["a step", "a search"].map((name) => ({ name, seconds: 0.1, kernels, outside: 0.02 }));
    const tables = tablesOf({ results: [], growth: [], roofline: null, memory: null, profiles }).split("\n\n");
    expect(tables.map((table) => table.split("\n").length)).toEqual([10, 10]);
    for (const table of tables) expect(table).toContain("| kernel 5 | 1 | 10.00 | 10 % |\n| other kernels | 2 |");
  });

  it("give exponents with their standard errors, and a dash where nothing was measured", () => {
    const law = { seconds: [1, 2], exponent: 1.042, error: 0.031, factor: 1 };
    const rows = growthTable([{ what: "step", axis: "batch", sizes: [4, 1024], own: law, peer: null }]).split("\n");
    expect(rows[2]).toBe("| step, batch | 4 to 1,024 | 1.04 ± 0.03 | - |");
    expect(showExponent({ ...law, error: null })).toBe("1.04");
    const index = INDEX_WORK.map((what, i) => {
      const seconds = [[0.5, 20] as const, [0.04, 0.05] as const, [0.03, 0.45] as const][i]!;
      return { what, axis: "corpus", sizes: [1000, 100_000], own: { ...law, seconds: [...seconds] }, peer: null };
    });
    expect(indexTable(index).split("\n").slice(2)).toEqual([
      "| 1,000 | 0.50 | 40.0 | 30.0 | never |",
      "| 100,000 | 20.00 | 50.0 | 450.0 | 50,000 queries |",
    ]);
    const memory = { own: { library: 400.4, models: 1500 }, peer: { library: 700, models: 900 } };
    expect(memoryTable(memory).split("\n").slice(2)).toEqual([
      "| library loaded, engine open | 400 | 700 |",
      "| both replica models loaded, 64 pictures embedded | 1,500 | 900 |",
    ]);
  });
});
