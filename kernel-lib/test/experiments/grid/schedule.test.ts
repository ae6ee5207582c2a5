import { describe, expect, test } from "vitest";
import type { PlannedStage } from "../../../src/experiments/grid/plan";
import { openSchedule, type Schedule } from "../../../src/experiments/grid/schedule";

const stage = (id: string, needs: readonly string[], more: Partial<PlannedStage> = {}): PlannedStage => ({
  id,
  kind: "toy",
  task: "toy",
  backbone: null,
  seed: null,
  part: [],
  needs,
  enough: "all",
  key: null,
  state: "missing",
  seconds: 10,
  estimate: "table",
  ...more,
});

function open(stages: readonly PlannedStage[]): { schedule: Schedule; wait: (milliseconds: number) => void } {
  let time = 0;
  const wait = (milliseconds: number): void => {
    time += milliseconds;
  };
  return { schedule: openSchedule(stages, () => time), wait };
}
const [a, b, c, d] = [
  stage("a", []),
  stage("b", ["a"]),
  stage("c", []),
  stage("results", ["b", "c"], { enough: "any" }),
] as const;

describe("the order of a grid's stages", () => {
  test("first what can be worked on, in order; what is held is passed by and tried again later", () => {
    const { schedule, wait } = open([a, b, c, d]);
    expect(schedule.next()).toBe(a);
    schedule.putAside(a, 500);
    expect(schedule.next()).toBe(c);
    expect(schedule.counts()).toMatchObject({ done: 0, total: 4, held: 1 });
    schedule.computed(c);
    expect(schedule.next()).toBeNull(); // b waits for a, which another process holds
    wait(500);
    expect(schedule.next()).toBe(a);
    schedule.found(a);
    expect([schedule.next(), schedule.counts().held]).toEqual([b, 0]);
    schedule.computed(b);
    schedule.computed(d);
    const { computed, found, failures } = schedule.outcome();
    expect([computed, found, failures]).toEqual([[b, c, d], [a], []]);
  });

  test("a failure costs what needs it; the answers that are there are still evaluated", () => {
    const { schedule } = open([a, b, c, d]);
    schedule.failed(a, new Error("no"));
    expect(schedule.next()).toBe(c);
    schedule.computed(c);
    expect(schedule.next()).toBe(d);
    schedule.computed(d);
    expect(schedule.next()).toBeNull();
    expect(schedule.outcome().failures).toMatchObject([{ stage: { id: "a" }, leftOut: ["b"] }]);
  });

  test("without any answer nothing is evaluated", () => {
    const { schedule } = open([a, b, stage("results", ["b"], { enough: "any" })]);
    schedule.failed(a, new Error("no"));
    expect(schedule.next()).toBeNull();
    expect(schedule.outcome().failures[0]!.leftOut).toEqual(["b", "results"]);
  });

  test("time left by hand: estimates of what is missing, at the pace seen so far", () => {
    const { schedule, wait } = open([a, b, stage("c", [], { state: "there" }), d]);
    expect(schedule.counts().secondsLeft).toBe(10 + 10 + 10);
    schedule.begin(a);
    wait(4000);
    expect(schedule.counts().secondsLeft).toBe(30 - 4);
    wait(16_000);
    schedule.computed(a);
    const pace = (20 + 60) / (10 + 60);
    expect(schedule.counts().secondsLeft).toBeCloseTo(20 * pace, 9);
    expect(open([stage("x", [], { seconds: null })]).schedule.counts().secondsLeft).toBeNull();
  });
});
