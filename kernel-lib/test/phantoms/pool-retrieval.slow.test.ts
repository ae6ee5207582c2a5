import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { repositoryRoot } from "../../src/base/paths";
import type { Corpus, Example, Head, Matrix, Task } from "../../src/base/types";
import { openBackend } from "../../src/compute/backend";
import { type Clip, loadClip } from "../../src/models/clip/weights";
import { encodeImages, encodeTexts } from "../../src/models/dual-encoder/encoder";
import { loadCorpus } from "../../src/phantoms/load-corpus";
import { loadTask } from "../../src/phantoms/load-task";
import { createFlatIndex } from "../../src/search/flat-index";

/** The look of each task's pictures. */
const LOOKS = {
  "breast-mnist": "breast",
  "derma-mnist": "skin",
  "retina-mnist": "retina",
  "vindr-pcxr": "chest",
  brset: "fundus",
  "vqa-rad": "radiology",
  slake: "radiology",
  "path-vqa": "histology",
} as const;
type TaskName = keyof typeof LOOKS;
const BEST = 10;
/** Points by which another engine's rounding may change a share. */
const TOLERANCE = 1.5;

const cacheDir = inject("drawnFolder");
let clip: Clip;
let pool: Corpus;
let views: Record<Head, Matrix>;
const lines: string[] = [];

beforeAll(async () => {
  await openBackend();
  clip = loadClip(join(repositoryRoot(), "data", "checkpoints", "clip"));
  pool = await loadCorpus("phantom-pool", { seed: 7, cacheDir });
  views = {
    image: await encodeImages(
      clip,
      pool.passages.map(({ image }) => image),
    ),
    text: await encodeTexts(
      clip,
      pool.passages.map(({ text }) => text),
    ),
  };
}, 600_000);
afterAll(() => {
  clip.dispose();
  // JOMED_POOL_TABLE names the file that the rows of docs/phantoms.md are written to
  if (process.env.JOMED_POOL_TABLE !== undefined) writeFileSync(process.env.JOMED_POOL_TABLE, lines.join("\n"));
});

const lookOf = (id: string) => id.split("/")[1]!;
const percent = (share: number) => Math.round(1000 * share) / 10;

/** Several questions may ask about one picture: it is searched for once. */
function differentPictures(examples: readonly Example[]): Example[] {
  const seen = new Set<unknown>();
  return examples.filter(({ image }) => !seen.has(image) && seen.add(image));
}

/** Shares of the best passages that have the look of the task, and a truth among the labels of the example; percent. */
async function shares(head: Head, task: Task, examples: readonly Example[], look: string): Promise<[number, number]> {
  const ids = pool.passages.map(({ id }) => id);
  const truths = new Map(pool.passages.map(({ id, truth }) => [id, truth]));
  const index = createFlatIndex(ids, views[head]);
  const hits = await index.search(
    await encodeImages(
      clip,
      examples.map(({ image }) => image),
    ),
    BEST,
  );
  index.dispose();
  const found = hits.flatMap((hit, i) => hit.ids.map((id) => ({ id, names: labelNames(task, examples[i]!) })));
  const right = found.filter(({ id, names }) => lookOf(id) === look && names.has(truths.get(id)!));
  const same = found.filter(({ id }) => lookOf(id) === look);
  return [percent(same.length / found.length), percent(right.length / found.length)];
}

const labelNames = ({ labels }: Task, example: Example) => new Set(example.labels.map((label) => labels[label]!.name));

/** The share a passage picked blindly would have: among all passages, and among those of the look. */
function chance(task: Task, examples: readonly Example[], look: string): [number, number] {
  const own = pool.passages.filter(({ id }) => lookOf(id) === look);
  const right = examples.map((example) => own.filter(({ truth }) => labelNames(task, example).has(truth!)).length);
  const mean = right.reduce((sum, count) => sum + count, 0) / examples.length;
  return [percent(mean / pool.passages.length), percent(mean / own.length)];
}

const cells = (line: string) => line.split("|").map((cell) => cell.trim());

test.each(Object.keys(LOOKS) as TaskName[])(
  "docs/phantoms.md says what the frozen encoder finds for %s",
  async (name) => {
    const task = await loadTask(name, { source: "phantom", seed: 7, cacheDir });
    const examples = differentPictures(task.splits.validation);
    const look = LOOKS[name];
    const [image, text] = [await shares("image", task, examples, look), await shares("text", task, examples, look)];
    const [inPool, inLook] = chance(task, examples, look);
    const hasTruth = pool.passages.some(({ id, truth }) => lookOf(id) === look && truth !== undefined);
    const truths = hasTruth ? [image[1], text[1], inPool, inLook] : ["–", "–", "–", "–"];
    const row = [task.card.title.replace(" phantom", ""), examples.length, image[0], text[0], ...truths];
    lines.push(`| ${row.join(" | ")} |`);
    const page = readFileSync(join(repositoryRoot(), "docs", "phantoms.md"), "utf8");
    const said = page.split("\n").find((line) => line.startsWith(`| ${row[0]} |`));
    expect(said, `docs/phantoms.md has no row for ${row[0]}`).toBeDefined();
    for (const [i, value] of row.entries()) {
      const stated = cells(said!)[i + 1]!;
      if (typeof value === "string") expect(stated).toBe(value);
      else expect(Math.abs(Number(stated) - value), `${row[0]}, column ${i}: ${value}`).toBeLessThanOrEqual(TOLERANCE);
    }
  },
);
