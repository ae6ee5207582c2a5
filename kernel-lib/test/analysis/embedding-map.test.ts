import { describe, expect, it } from "vitest";
import { embeddingMapRows, principalPlane } from "../../src/analysis/embedding-map";
import { createRandom } from "../../src/base/random";

describe("principalPlane", () => {
  it("finds the long and the short axis of a cross by hand", () => {
    // points (±3, 0, 0) and (0, ±1, 0): variances 2·9/4 and 2·1/4
    const data = Float32Array.from([3, 0, 0, -3, 0, 0, 0, 1, 0, 0, -1, 0]);
    const plane = principalPlane({ data, rows: 4, cols: 3 });
    expect([...plane.axes.data]).toEqual([1, 0, 0, 0, 1, 0].map((value) => expect.closeTo(value, 6)));
    expect(plane.explained[0]).toBeCloseTo(18 / 20, 6);
    expect(plane.explained[1]).toBeCloseTo(2 / 20, 6);
    expect(plane.points.data[0]).toBeCloseTo(3, 6);
  });

  it("gives orthogonal unit axes, the same ones every time, and ignores a shift of all points", () => {
    const random = createRandom("plane");
    const data = Float32Array.from({ length: 200 * 6 }, (_, i) => random.normal(0, 1 + (i % 6)));
    const plane = principalPlane({ data, rows: 200, cols: 6 });
    const [a, b] = [plane.axes.data.subarray(0, 6), plane.axes.data.subarray(6)];
    expect(a.reduce((sum, value, i) => sum + value * b[i]!, 0)).toBeCloseTo(0, 6);
    expect(Math.hypot(...a)).toBeCloseTo(1, 6);
    expect(principalPlane({ data, rows: 200, cols: 6 }).axes.data).toEqual(plane.axes.data);
    const shifted = principalPlane({ data: data.map((value) => value + 5), rows: 200, cols: 6 });
    expect(shifted.points.data[17]).toBeCloseTo(plane.points.data[17]!, 3);
    expect([...plane.project({ data: data.subarray(0, 6), rows: 1, cols: 6 }).data]).toEqual([
      ...plane.points.data.subarray(0, 2),
    ]);
  });

  it.each([
    [3, -1],
    [-3, 1],
    [1, -3],
    [-2, 7],
    [5, 4],
  ])("turns the axis along (%i, %i) so that its entry of largest size is positive", (x, y) => {
    const [length, sign] = [Math.hypot(x, y), Math.sign(Math.abs(x) > Math.abs(y) ? x : y)];
    const data = Float32Array.from([x, y, -x, -y, 2 * x, 2 * y, -2 * x, -2 * y]);
    const { axes, points, explained, mean } = principalPlane({ data, rows: 4, cols: 2 });
    expect([...axes.data.subarray(0, 2)]).toEqual(
      [(sign * x) / length, (sign * y) / length].map((v) => expect.closeTo(v, 6)),
    );
    const across = Math.abs(x) > Math.abs(y) ? [-sign * y, sign * x] : [sign * y, -sign * x]; // its largest entry is positive too
    expect([...axes.data.subarray(2)]).toEqual(across.map((v) => expect.closeTo(v / length, 6)));
    expect([...points.data]).toEqual(
      [sign * length, 0, -sign * length, 0, 2 * sign * length, 0, -2 * sign * length, 0].map((v) =>
        expect.closeTo(v, 5),
      ),
    );
    expect(explained).toEqual([expect.closeTo(1, 6), expect.closeTo(0, 6)]);
    expect([...mean]).toEqual([0, 0]);
    expect([axes.rows, axes.cols, points.rows, points.cols]).toEqual([2, 2, 4, 2]);
  });

  it("takes the mean off, here and of what is set into the plane later", () => {
    const plane = principalPlane({ data: Float32Array.of(10, 20, 14, 20), rows: 2, cols: 2 }); // two points are enough
    expect([...plane.mean]).toEqual([12, 20]);
    expect([...plane.points.data]).toEqual([-2, 0, 2, 0].map((v) => expect.closeTo(v, 5)));
    const set = plane.project({ data: Float32Array.of(12, 20, 13, 23), rows: 2, cols: 2 });
    expect([...set.data]).toEqual([0, 0, 1, 3].map((v) => expect.closeTo(v, 5)));
    expect([set.rows, set.cols]).toEqual([2, 2]);
    expect(() => plane.project({ data: new Float32Array(3), rows: 1, cols: 3 })).toThrow(
      "project: matrix must have 2 columns like the fitted one; got [1, 3].",
    );
  });

  it("stands equal points and refuses too few", () => {
    expect(principalPlane({ data: new Float32Array(6), rows: 3, cols: 2 }).explained).toEqual([0, 0]);
    for (const [rows, cols, length] of [
      [1, 2, 2],
      [2, 1, 2],
      [2, 2, 3],
    ] as const)
      expect(() => principalPlane({ data: new Float32Array(length), rows, cols })).toThrow(
        `principalPlane: matrix must have at least 2 rows and 2 columns; got [${rows}, ${cols}].`,
      );
    const broken = { data: Float32Array.of(0, 1, Number.NaN, 1), rows: 2, cols: 2 };
    expect(() => principalPlane(broken)).toThrow("principalPlane: matrix must be finite; got NaN at position 2.");
  });
});

describe("embeddingMapRows", () => {
  const line = (...places: readonly (readonly [number, string])[]) => {
    const data = Float32Array.from(places.flatMap(([x]) => [x, 0]));
    const passages = places.map(([, truth], i) => ({ id: `p${i}`, truth }));
    return embeddingMapRows("image view", { data, rows: places.length, cols: 2 }, passages);
  };

  it("says how many nearest neighbours show the same thing, and how many would by chance", () => {
    const apart = line([0, "a"], [1, "a"], [9, "b"], [10, "b"]);
    expect(apart[0]).toMatchObject({ view: "image view", truth: "a", role: "passage", agreement: 1, chance: 1 / 3 });
    const mixed = line([0, "a"], [1, "b"], [9, "a"], [10, "b"]);
    expect(mixed.map(({ agreement }) => agreement)).toEqual([0, 0, 0, 0]);
  });

  it("counts no passage of which nobody knows what it shows, neither as a point nor as a neighbour", () => {
    const of = (...places: readonly (readonly [number, string | undefined])[]) => {
      const data = Float32Array.from(places.flatMap(([x]) => [x, 0]));
      const passages = places.map(([, truth], i) => ({ id: `p${i}`, truth }));
      return embeddingMapRows("image view", { data, rows: places.length, cols: 2 }, passages)[0]!;
    };
    // without the unknown ones: a a b b, whose nearest agree
    const mixed = of([0, "a"], [0.1, undefined], [1, "a"], [8.9, undefined], [9, "b"], [10, "b"], [10.1, undefined]);
    expect(mixed).toMatchObject({ agreement: 1, chance: 1 / 3 });
    expect(of([0, "a"], [1, undefined], [2, undefined])).toMatchObject({ agreement: null, chance: null });
    expect(of([0, "a"], [1, "b"])).toMatchObject({ agreement: 0, chance: 0 });
    expect(of([0, "a"], [1, "a"])).toMatchObject({ agreement: 1, chance: 1 });
    // three a, one b: of twelve ordered pairs six are of an a and another a
    expect(of([0, "a"], [1, "a"], [5, "a"], [6, "b"])).toMatchObject({ agreement: 2 / 4, chance: 6 / 12 });
  });

  it("sets the query into the passages' plane and marks what was retrieved for it", () => {
    const data = Float32Array.from([3, 0, -3, 0, 0, 1, 0, -1]);
    const passages = ["p0", "p1", "p2", "p3"].map((id) => ({ id }));
    const query = { id: "q", truth: "a", embedding: Float32Array.of(2, 0), retrievedIds: ["p0"] };
    const rows = embeddingMapRows("text view", { data, rows: 4, cols: 2 }, passages, query);
    expect(rows.map(({ role }) => role)).toEqual(["retrieved", "passage", "passage", "passage", "query"]);
    expect(rows[0]!.truth).toBe("unknown");
    expect(rows[1]).toMatchObject({ view: "text view", id: "p1", x: expect.closeTo(-3, 6), y: expect.closeTo(0, 6) });
    expect(rows[4]).toMatchObject({ id: "q", truth: "a", agreement: null, chance: null });
    for (const { explainedX, explainedY } of rows)
      expect([explainedX, explainedY]).toEqual([expect.closeTo(0.9, 6), expect.closeTo(0.1, 6)]);
    const alone = embeddingMapRows("v", { data, rows: 4, cols: 2 }, passages, { ...query, retrievedIds: undefined });
    expect(alone.map(({ role }) => role)).toEqual(["passage", "passage", "passage", "passage", "query"]);
    expect(rows[4]!.x).toBeCloseTo(2, 6);
    expect(rows[4]!.y).toBeCloseTo(0, 6);
  });

  it("wants one passage per embedding", () => {
    expect(() => embeddingMapRows("v", { data: new Float32Array(4), rows: 2, cols: 2 }, [])).toThrow(
      "embeddingMapRows: passages must have 2 entries like the embeddings; got 0.",
    );
  });
});
