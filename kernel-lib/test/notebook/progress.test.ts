import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { installHost, type KernelHost } from "../../src/kernel/host";
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

describe("the bar of a cell", () => {
  const VIEW = "application/vnd.jupyter.widget-view+json";
  let sent: { type: string; content: Record<string, unknown> }[];
  let wanted: Set<string>;
  beforeEach(() => {
    [sent, wanted] = [[], new Set()];
    installHost({
      cell: 1,
      publish: (type, content) => sent.push({ type, content }),
      presenters: [],
      commListeners: new Set(),
      commTargets: new Set(),
      commsWanted: wanted,
      hold: () => undefined,
    } as Partial<KernelHost> as KernelHost);
  });
  afterEach(() => Reflect.deleteProperty(globalThis, Symbol.for("kernel-lib.kernel")));
  const displays = (): { type: string; data: Record<string, unknown>; id: unknown }[] =>
    sent
      .filter(({ type }) => type.includes("display"))
      .map(({ type, content }) => ({
        type,
        data: content["data"] as Record<string, unknown>,
        id: (content["transient"] as { display_id: unknown }).display_id,
      }));
  const steps = (...done: number[]): void => {
    const { onProgress } = notebookControl();
    for (const each of done) onProgress?.({ stage: "tune", done: each, total: 4 });
  };

  it("is a line where no front end has asked for widgets", () => {
    steps(1, 4);
    expect(displays().map(({ type, data }) => [type, VIEW in data])).toEqual([
      ["display_data", false],
      ["update_display_data", false],
    ]);
    expect(sent.some(({ type }) => type.startsWith("comm"))).toBe(false);
  });

  it("is a widget where one has, and a line at the end; nothing of it stays open", () => {
    wanted.add("jupyter.widget.control");
    steps(1, 4);
    const [first, last] = displays();
    expect([first?.type, VIEW in first!.data, String(first?.data["text/plain"]).slice(0, 9)]).toEqual([
      "display_data",
      true,
      "tune:  25",
    ]);
    expect([last?.type, VIEW in last!.data, last?.id]).toEqual(["update_display_data", false, first?.id]);
    expect(last?.data["text/plain"]).toContain("100%");
    const count = (type: string): number => sent.filter((one) => one.type === type).length;
    const states = sent.map(
      ({ content }) => (content["data"] as { state?: Record<string, unknown> } | undefined)?.state,
    );
    expect(states.find((state) => state?.["value"] === 0.25)).toBeDefined();
    expect([count("comm_open"), count("comm_close")]).toEqual([8, 8]);
  });

  it("is the same one when the stage begins again in its cell, and a line at once when nothing was to be done", () => {
    wanted.add("jupyter.widget.control");
    const { onProgress } = notebookControl();
    for (const done of [4, 1, 4]) onProgress?.({ stage: "tune", done, total: 4 });
    expect(displays().map(({ data }) => VIEW in data)).toEqual([false, true, false]);
    expect(new Set(displays().map(({ id }) => id)).size).toBe(1);
  });
});
