import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadCorpus } from "../../../src/data/corpora/load-corpus";
import { refusal } from "../helpers";

let folder = "";
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "corpus-"));
  mkdirSync(join(folder, "medpix2", "images"), { recursive: true });
  const red = sharp({ create: { width: 128, height: 64, channels: 3, background: "#ff0000" } });
  await red.png().toFile(join(folder, "medpix2", "images", "red.png"));
  await red.png().toFile(join(folder, "outside.png"));
  writeFileSync(join(folder, "medpix2", "images", "broken.png"), "no picture");
});
afterAll(() => rmSync(folder, { recursive: true }));

function writeLines(lines: readonly unknown[]): void {
  const text = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");
  writeFileSync(join(folder, "medpix2", "corpus.jsonl"), text);
}

test("a folder corpus keeps sound lines and names the others", async () => {
  writeLines([
    { id: "a", image: "images/red.png", text: "one" },
    { id: "b", image: "images/broken.png", text: "two" },
    { id: "c", image: "../outside.png", text: "three" },
    { id: "a", image: "images/red.png", text: "four" },
    "not json",
    { id: "d", image: 5, text: "six" },
  ]);
  const said: { code: string; details: unknown }[] = [];
  const control = { onWarn: (code: string, _message: string, details: object) => said.push({ code, details }) };
  const corpus = await loadCorpus("medpix2", { dataDir: folder, control });
  expect(corpus.passages).toHaveLength(1);
  expect(corpus.passages[0]).toMatchObject({ id: "a", text: "one", corpus: "medpix2" });
  expect(corpus.passages[0]!.image).toMatchObject({ width: 64, height: 32, channels: 3 });
  expect([...corpus.passages[0]!.image.data.slice(0, 3)]).toEqual([255, 0, 0]);
  expect(said.map((row) => row.code)).toEqual(["corpus"]);
  const { broken } = said[0]!.details as { broken: { line: number; reason: string }[] };
  expect(broken.map((row) => row.line)).toEqual([2, 3, 4, 5, 6]);
  expect(broken[1]!.reason).toBe("../outside.png leaves the folder");
});

test("a corpus without a sound line, without a file or without a folder is refused", async () => {
  writeLines([{ id: "c", image: "../outside.png", text: "three" }]);
  expect((await refusal(() => loadCorpus("medpix2", { dataDir: folder }))).message).toMatch(/must hold a sound line/);
  const missing = await refusal(() => loadCorpus("medpix2", { dataDir: join(folder, "none") }));
  expect(missing.message).toMatch(/folder must hold corpus\.jsonl/);
  expect((await refusal(() => loadCorpus("medpix2"))).code).toBe("config");
  expect((await refusal(() => loadCorpus("pubmed"))).message).toMatch(/must be one of phantom, medpix2; got "pubmed"/);
});

test("an aborted signal stops the reading", async () => {
  writeLines([{ id: "a", image: "images/red.png", text: "one" }]);
  const error = await refusal(() =>
    loadCorpus("medpix2", { dataDir: folder, control: { signal: AbortSignal.abort() } }),
  );
  expect(error.code).toBe("interrupted");
});
