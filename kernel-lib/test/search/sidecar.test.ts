import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { createFlatIndex, loadFlatIndex } from "../../src/search/flat-index";
import { hashCorpus, readIndexFiles } from "../../src/search/sidecar";
import { matrix } from "./helpers";

const IDS = ["a", "b"];
const CORPUS = matrix([
  [1, 0, 2],
  [0, 1, 3],
]);
const folder = mkdtempSync(join(tmpdir(), "sidecar-"));
const sidecar = join(folder, "index.flat.json");
const binary = join(folder, "index.flat");
beforeEach(() => createFlatIndex(IDS, CORPUS).save(folder));
afterAll(() => rmSync(folder, { recursive: true }));

const AGAIN = "Build and save the index again.";
/** The sidecar as an older program wrote it, without a seal, and changed. */
function change(changes: object): void {
  const { seal, ...stored } = JSON.parse(readFileSync(sidecar, "utf8"));
  expect(seal).toMatch(/^[0-9a-f]{64}$/);
  writeFileSync(sidecar, JSON.stringify({ ...stored, ...changes }));
}
const read = () => readIndexFiles("test", folder, "flat");

describe("the sidecar of an index", () => {
  it("says everything that the numbers do not", async () => {
    const bytes = Buffer.from(CORPUS.data.buffer);
    const { seal: _seal, ...stored } = JSON.parse(readFileSync(sidecar, "utf8"));
    expect(stored).toEqual({
      schema: 1,
      kind: "flat",
      space: "ip",
      dimension: 3,
      size: 2,
      ids: IDS,
      corpusHash: createHash("sha256").update('[["a","b"],2,3]').update(bytes).digest("hex"),
      library: "kernel-lib",
      settings: {},
      file: { bytes: 24, sha256: createHash("sha256").update(bytes).digest("hex") },
    });
    expect(readFileSync(binary)).toEqual(bytes);
    expect((await read()).file).toBe(binary);
  });

  it("is read as an older program wrote it, without a seal", async () => {
    change({});
    expect((await read()).sidecar).toMatchObject({ ids: IDS, size: 2 });
  });

  it.each([
    ["another schema", { schema: 2 }],
    ["another kind", { kind: "hnsw" }],
    ["another space", { space: "l2" }],
    ["a dimension that is no number", { dimension: "3" }],
    ["half a row", { size: 1.5 }],
    ["no list of ids", { ids: "ab" }],
    ["ids for other rows", { ids: ["a"] }],
    ["no rows", { size: 0, ids: [] }],
    ["an id that is no text", { ids: ["a", 2] }],
    ["an id twice", { ids: ["a", "a"] }],
    ["no settings", { settings: null }],
    ["settings that are a text", { settings: "ef 64" }],
    ["no file", { file: null }],
    ["a file that is a text", { file: "index.flat" }],
    ["a file of half a byte", { file: { bytes: 24.5, sha256: "" } }],
    ["a field that nobody knows, as a damaged seal is", { seaI: "" }],
  ])("is refused with %s", async (_name, changes) => {
    change(changes);
    await expect(read()).rejects.toMatchObject({
      code: "data",
      message: `test: ${sidecar} must describe a flat index with one distinct id per vector. ${AGAIN}`,
      details: { file: sidecar },
    });
  });

  it.each(["null", "7", '"text"'])("is refused when it is %s", async (text) => {
    writeFileSync(sidecar, text);
    await expect(read()).rejects.toThrow(/must describe a flat index/);
  });

  it("is refused when it is missing, or no JSON, and the reason is kept", async () => {
    writeFileSync(sidecar, "{");
    await expect(read()).rejects.toMatchObject({
      message: `test: ${sidecar} must be JSON. ${AGAIN}`,
      cause: expect.any(SyntaxError),
    });
    rmSync(sidecar);
    await expect(read()).rejects.toMatchObject({
      message: `test: ${sidecar} must be readable. ${AGAIN}`,
      cause: { code: "ENOENT" },
    });
  });
});

describe("the numbers beside it", () => {
  it("are those of the corpus, also of one that is a part of a longer array", async () => {
    const data = Float32Array.of(9, 9, 1, 0, 2, 0, 1, 3, 9).subarray(2, 8);
    await createFlatIndex(IDS, { ...CORPUS, data }).save(folder);
    expect(readFileSync(binary)).toEqual(Buffer.from(CORPUS.data.buffer));
    expect((await loadFlatIndex(folder)).size).toBe(2);
  });

  it("are refused when they are missing, of another length, or others", async () => {
    const bytes = readFileSync(binary);
    writeFileSync(binary, bytes.subarray(4));
    const wording = `test: ${binary} must be the 24 bytes its sidecar describes; got`;
    await expect(read()).rejects.toMatchObject({ message: `${wording} 20 bytes. ${AGAIN}`, details: { file: binary } });
    writeFileSync(binary, Buffer.alloc(24));
    await expect(read()).rejects.toThrow(`${wording} 24 bytes. ${AGAIN}`);
    change({ file: { bytes: 20, sha256: createHash("sha256").update(Buffer.alloc(24)).digest("hex") } });
    await expect(read()).rejects.toThrow("must be the 20 bytes its sidecar describes; got 24 bytes");
    rmSync(binary);
    await expect(read()).rejects.toMatchObject({
      message: `test: ${binary} must be readable. ${AGAIN}`,
      cause: { code: "ENOENT" },
    });
  });

  it("are refused as an exact index when they are too few for their sidecar's shape", async () => {
    change({ dimension: 4 });
    await expect(loadFlatIndex(folder)).rejects.toMatchObject({
      code: "data",
      message: `loadFlatIndex: ${binary} must hold [2, 4] numbers; got 24 bytes. ${AGAIN}`,
      details: { file: binary, bytes: 24 },
    });
    rmSync(sidecar);
    await expect(loadFlatIndex(folder)).rejects.toThrow(/^loadFlatIndex: .*index\.flat\.json must be readable/);
  });
});

it("hashCorpus reads the rows alone, wherever they lie, and tells ids, shape and values apart", () => {
  const wide = Float32Array.of(9, 1, 0, 2, 0, 1, 3, 9);
  const hash = hashCorpus(IDS, CORPUS);
  expect(hashCorpus(IDS, { ...CORPUS, data: wide.subarray(1, 7) })).toBe(hash);
  for (const [ids, other] of [
    [["a", "c"], CORPUS],
    [IDS, { ...CORPUS, rows: 3, cols: 2 }],
    [IDS, { ...CORPUS, data: wide.subarray(0, 6) }],
  ] as const)
    expect(hashCorpus(ids, other)).not.toBe(hash);
});
