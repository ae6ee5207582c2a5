import { expect, it, vi } from "vitest";
import { measureCase } from "../../bench/measure.mjs";

/** A side that spends no time and says who it is. */
function sides(own: number, other: number) {
  const order: string[] = [];
  const each = {
    key: "toy",
    name: "a toy",
    result: "same",
    run: () => {
      order.push("own");
      return own;
    },
    peers: { A: { case: "a" }, B: { case: "b" } },
  };
  const peer = {
    run: vi.fn(async ({ case: name }: { case: string }) => {
      order.push(name);
      return { seconds: name === "a" ? 2 : 4, cpu: 8, result: other };
    }),
  };
  return { each, peer, order };
}

it("warms every side up once, then takes turns, each round beginning with the next side", async () => {
  const { each, peer, order } = sides(5, 5);
  const measured = await measureCase(each, peer, 3);
  expect(order.join(" ")).toBe("own a b own a b a b own b own a");
  expect(measured.rounds).toBe(3);
  expect(measured.peers.map(({ name, time }) => [name, time.median])).toEqual([
    ["A", 2],
    ["B", 4],
  ]);
  const [{ own, A }] = measured.times as [{ own: { seconds: number }; A: { seconds: number } }];
  expect(own.seconds / A.seconds).toBeLessThan(0.5);
});

it("measures alone where there are no peers, and a long case no more often than it allows", async () => {
  const { each, order } = sides(5, 5);
  const measured = await measureCase({ ...each, warm: "no", pairs: 2 }, null, 9);
  expect(order).toEqual(["own", "own"]);
  expect(measured.peers).toEqual([]);
});

it("refuses sides that do not give the same number", async () => {
  const { each, peer } = sides(5, 5.2);
  await expect(measureCase(each, peer, 1)).rejects.toThrow(
    "must give the same number on both sides; got 5 and 5.2 (A)",
  );
});
