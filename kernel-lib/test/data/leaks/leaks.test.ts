import { expect, test } from "vitest";
import type { RasterImage, Task } from "../../../src/base/types";
import { findLeaks, leaveOutLeaks } from "../../../src/data/leaks/find-leaks";
import {
  createDuplicateFinder,
  hashDistance,
  mirror,
  perceptualHash,
  thumbnailOf,
} from "../../../src/data/leaks/near-duplicates";
import { drawCorpusPhantom } from "../../../src/phantoms/corpora/breast-corpus";
import { loadTask } from "../../../src/phantoms/load-task";
import { refusal } from "../helpers";
import { COPIES } from "./copies";

/** A task with few evaluation examples. */
async function smallTask(): Promise<Task> {
  const task = await loadTask("breast-mnist");
  const { train, validation, test: held } = task.splits;
  return { ...task, splits: { train, validation: validation.slice(0, 4), test: held.slice(0, 16) } };
}

/** A 32 by 32 picture whose brightness is a function of the place. */
function picture(level: (x: number, y: number) => number): RasterImage {
  const data = Uint8Array.from({ length: 32 * 32 }, (_, p) => level(p % 32, Math.floor(p / 32)));
  return { width: 32, height: 32, channels: 1, data };
}
const wave = picture((x, y) => 128 + 60 * Math.sin(x / 5) + 40 * Math.cos(y / 3 + x / 9));

test("a perceptual hash sees neither brightness nor contrast, and sees another picture", () => {
  const hash = perceptualHash(thumbnailOf(wave));
  const paler = { ...wave, data: wave.data.map((value) => Math.round(value * 0.5) + 100) };
  expect(hashDistance(hash, perceptualHash(thumbnailOf(paler)))).toBeLessThanOrEqual(4);
  const other = picture((x, y) => 128 + 60 * Math.cos(x / 4) - 40 * Math.sin(y / 5));
  expect(hashDistance(hash, perceptualHash(thumbnailOf(other)))).toBeGreaterThan(16);
  expect(hashDistance([0, 0], [-1, 1])).toBe(32 + 1);
});

test("a thumbnail is the grey 32 by 32 picture; mirrored twice it is itself", () => {
  expect(thumbnailOf(wave)).toEqual(wave.data);
  const red: RasterImage = {
    width: 2,
    height: 2,
    channels: 3,
    data: Uint8Array.from({ length: 12 }, (_, i) => (i % 3 ? 0 : 200)),
  };
  expect(new Set(thumbnailOf(red))).toEqual(new Set([Math.round(0.299 * 200)]));
  expect(mirror(wave.data)[0]).toBe(wave.data[31]);
  expect(mirror(mirror(wave.data))).toEqual(wave.data);
});

test("a picture of one grey equals itself alone", () => {
  const grey = picture(() => 90);
  const finder = createDuplicateFinder([{ id: "grey", image: grey }]);
  expect(finder.find(grey)).toEqual({ id: "grey", kind: "exact", correlation: 1 });
  expect(finder.find(picture(() => 91))).toBeNull();
  expect(finder.find(wave)).toBeNull();
});

test("copies of evaluation phantoms are found in a corpus, nothing else is", async () => {
  const task = await smallTask();
  const corpus = drawCorpusPhantom({ numPassages: 60 });
  const planted = await Promise.all(
    Object.values(COPIES).map(async (copy, k) => ({
      ...corpus.passages[k]!,
      id: `planted/${k}`,
      image: await copy(task.splits.test[2 * k]!.image),
    })),
  );
  const exact = { ...corpus.passages[9]!, id: "planted/exact", image: task.splits.validation[3]!.image };
  const dirty = { ...corpus, passages: [...corpus.passages, ...planted, exact] };
  const leaks = await findLeaks(dirty, task);
  expect(leaks.map(({ passageId, exampleId }) => [passageId, exampleId])).toEqual([
    ...planted.map(({ id }, k) => [id, task.splits.test[2 * k]!.id]),
    ["planted/exact", task.splits.validation[3]!.id],
  ]);
  expect(leaks.map((leak) => leak.shares)).toEqual([...planted.map(() => "near picture"), "picture"]);
});

test("a training picture is no leak, a shared patient is one", async () => {
  const task = await smallTask();
  const corpus = drawCorpusPhantom({ numPassages: 3 });
  const [first, second, third] = corpus.passages;
  const passages = [
    { ...first!, image: task.splits.train[0]!.image },
    { ...second!, group: task.splits.test[7]!.group },
    { ...third!, group: "patient-of-nobody" },
  ];
  const said: string[] = [];
  const onWarn = (code: string, message: string) => said.push(`${code} ${message}`);
  const { corpus: clean, leaks } = await leaveOutLeaks({ ...corpus, passages }, task, { control: { onWarn } });
  expect(leaks).toEqual([
    { passageId: second!.id, exampleId: task.splits.test[7]!.id, shares: "group", entity: task.splits.test[7]!.group },
  ]);
  expect(clean.passages).toEqual([passages[0], passages[2]]);
  expect(clean.fingerprint).not.toBe(corpus.fingerprint);
  expect(said).toEqual([
    `leak withoutLeaks: 1 of 3 passages of phantom show or belong to evaluation examples; left out: ${second!.id} (group of ${task.splits.test[7]!.id}).`,
  ]);
});

test("a clean corpus is the same object, and bad options are refused", async () => {
  const task = await smallTask();
  const corpus = drawCorpusPhantom({ numPassages: 5 });
  expect((await leaveOutLeaks(corpus, task)).corpus).toBe(corpus);
  const wrong = await refusal(() => findLeaks(corpus, task, { minCorrelation: 2 }));
  expect(wrong.message).toBe("createDuplicateFinder: minCorrelation must be a number in [0, 1]; got 2.");
  const signal = AbortSignal.abort();
  expect((await refusal(() => findLeaks(corpus, task, { control: { signal } }))).code).toBe("interrupted");
});
