import { describe, expect, it } from "vitest";
import { createProgressClock, formatSeconds, notebookControl, progressLine } from "../../src/notebook/progress";

describe("progressLine", () => {
  it("says per cent, steps, elapsed and remaining time, rate and values", () => {
    const line = progressLine({ stage: "tune reader", done: 45, total: 100, values: { loss: 0.51234 } }, 12);
    expect(line).toBe("tune reader:  45%|██████████▊             | 45/100 [00:12<00:15, 3.8it/s, loss=0.512]");
  });

  it("knows no rate at the start and gives seconds per step when slow", () => {
    expect(progressLine({ stage: "s", done: 0, total: 4 }, 0)).toContain(
      "|                        | 0/4 [00:00<?, ?it/s]",
    );
    expect(progressLine({ stage: "s", done: 1, total: 4 }, 10)).toContain("[00:10<00:30, 10.0s/it]");
  });

  it("leaves resumed steps out of the rate", () => {
    expect(progressLine({ stage: "s", done: 60, total: 70 }, 5, 50)).toContain("2.0it/s");
  });

  it("formats hours", () => {
    expect([formatSeconds(59.6), formatSeconds(3661), formatSeconds(Number.NaN)]).toEqual(["01:00", "1:01:01", "?"]);
  });
});

describe("createProgressClock", () => {
  it("lets through the first event, one per interval, and the last once", () => {
    let time = 0;
    const clock = createProgressClock(250, () => time);
    const shown: number[] = [];
    for (let done = 1; done <= 10; done++, time += 100) if (clock({ stage: "s", done, total: 10 })) shown.push(done);
    if (clock({ stage: "s", done: 10, total: 10 })) shown.push(11);
    expect(shown).toEqual([1, 4, 7, 10]);
  });

  it("starts anew when a finished stage is run again, and keeps stages apart", () => {
    const clock = createProgressClock(250, () => 0);
    expect(clock({ stage: "a", done: 2, total: 2 })?.state).toBe("finished");
    expect(clock({ stage: "b", done: 1, total: 2 })?.state).toBe("running");
    expect(clock({ stage: "a", done: 0, total: 2 })?.state).toBe("running");
  });
});

it("notebookControl outside a notebook neither watches nor stops", () => {
  expect(notebookControl()).toEqual({});
});
