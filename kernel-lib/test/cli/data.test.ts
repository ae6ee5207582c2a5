import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { main } from "../../src/cli/data";
import { formatCsv } from "../../src/data/formats/csv";
import { BRSET_COLUMNS } from "../../src/data/tasks/brset";
import { drawCorpusPhantom } from "../../src/phantoms/corpora/breast-corpus";
import { PMC_OA_TWIN, twinPairs } from "../../src/phantoms/corpora/twins";
import { writeBreastArchive } from "../../src/phantoms/tasks/breast";
import { HUB_MODEL, startHubServer } from "../helpers/hub-server";

// the files made here are not the published ones
beforeEach(() => void vi.stubEnv("JOMED_CHECKSUM", "warn"));

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "data-"));
  mkdirSync(join(folder, "medmnist"));
  writeFileSync(join(folder, "medmnist", "breastmnist.npz"), writeBreastArchive(3));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the program. @returns exit code and everything it wrote. */
async function run(...argv: string[]): Promise<[number, string]> {
  let text = "";
  const place = argv.includes("--dir") ? [] : ["--dir", folder];
  const code = await main([...argv, ...place], { write: (line: string) => (text += line) });
  return [code, text];
}

test("list says what is here, what is missing, and the way to get it", async () => {
  const [code, text] = await run("list");
  expect(code).toBe(0);
  expect(text).toMatch(/breast-mnist +here: medmnist\/breastmnist\.npz; CC BY 4\.0; get it: fetch breast-mnist/);
  expect(text).toMatch(/derma-mnist +missing; CC BY-NC 4\.0/);
  expect(text).toMatch(/vindr-pcxr +missing; .*get it: PhysioNet login/);
  expect(text).toMatch(/corpora:\npmc-oa +missing; .*get it: fetch pmc-oa\nmimic-cxr +missing; .*PhysioNet login/);
});

test("check reads a task and counts its labels, or says what is wrong", async () => {
  const [code, text] = await run("check", "breast-mnist");
  expect(code).toBe(0);
  expect(text).toMatch(/warning: .*published md5/);
  expect(text).toMatch(/test: 156 examples; malignant 62, normal, benign 94/);
  expect(text).toMatch(/expect: linear probe of the frozen encoder, label: \d\d\.\d % \[/);
  expect(text).toMatch(/expect: 9\.8 points can be shown by 156 test pictures, 20 % changed/);
  const [failed, reason] = await run("check", "slake");
  expect(failed).toBe(1);
  expect(reason).toMatch(/data: loadTask: dataDir must hold train\.json/);
});

test("check says which pictures were left out and why, and which show nearly nothing, as a table by kind", async () => {
  const dir = mkdtempSync(join(tmpdir(), "brset-"));
  try {
    const photographs = join(dir, "brset", "fundus_photos");
    mkdirSync(photographs, { recursive: true });
    const rows = Array.from({ length: 12 }, (_, k) => [`img${k}`, k, ...BRSET_COLUMNS.map(() => 0)]);
    writeFileSync(
      join(dir, "brset", "labels_brset.csv"),
      formatCsv(["image_id", "patient_id", ...BRSET_COLUMNS], rows),
    );
    for (let k = 0; k < 12; k++) {
      const levels = Buffer.from(Uint8Array.from({ length: 256 }, (_, p) => (k === 7 ? 30 : (p + 9 * k) % 256)));
      const picture = sharp(levels, { raw: { width: 16, height: 16, channels: 1 } }).jpeg();
      writeFileSync(join(photographs, `img${k}.jpg`), k === 3 ? "BM, a picture" : await picture.toBuffer());
    }
    const [code, text] = await run("check", "brset", "--dir", dir);
    expect(code).toBe(0);
    expect(text).toMatch(
      /\nbroken: 1 x must be a picture that is read; got a BMP picture; .*Save it as PNG or JPEG\. \(.*line 5, column image_id, picture img3\.jpg\)\n/,
    );
    expect(text).toMatch(/\nnearly one value: 1 x, still read \(.*picture img7\.jpg\)\n/);
    expect(text).toMatch(/brset: sound but for 1 left out, 1 nearly one value\. Fingerprint/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("fetch says the steps for credentialed data", async () => {
  const [code, text] = await run("fetch", "brset");
  expect(code).toBe(0);
  expect(text).toMatch(/not downloaded by this program\. BRSET from physionet\.org.*credentialed user/);
});

test("check reads a corpus and counts its pairs, licences and groups, and names what is broken", async () => {
  const dir = mkdtempSync(join(tmpdir(), "corpus-"));
  try {
    const { passages } = drawCorpusPhantom({ seed: 3, numPassages: 60 });
    await PMC_OA_TWIN.write(dir, twinPairs(PMC_OA_TWIN, passages));
    const [code, text] = await run("check", "pmc-oa", "--dir", dir);
    expect(code).toBe(0);
    expect(text).toMatch(
      /\n\d+ pairs, 0 broken; \d+ groups; texts of \d+ letters in the mean\nlicence PMC Open Access/,
    );
    const table = join(dir, "pmc-oa", readdirSync(join(dir, "pmc-oa")).find((name) => name.endsWith(".jsonl"))!);
    appendFileSync(table, '{"image":"nowhere.jpg","caption":"x"}\n');
    const [failed, reason] = await run("check", "pmc-oa", "--dir", dir);
    expect(failed).toBe(1);
    expect(reason).toMatch(/broken: .*nowhere|broken: .*line \d+/);
    expect(reason).toMatch(/must have at most 1 % broken rows/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("card prints the card of a task or corpus", async () => {
  expect((await run("card", "retina-mnist"))[1]).toMatch(/### RetinaMNIST .*Citation/s);
  expect((await run("card", "roco"))[1]).toMatch(/### ROCO .*Fetch: .*--from zenodo/s);
});

test("fetch-model asks the hub that HF_ENDPOINT names, and list-models shows what came", async () => {
  const files = { "config.json": '{"model_type":"qwen2_vl"}', "model.safetensors": "weights" };
  const hub = await startHubServer(new Map(Object.entries(files).map(([name, text]) => [name, Buffer.from(text)])));
  vi.stubEnv("HF_ENDPOINT", hub.endpoint);
  vi.stubEnv("JOMED_MODELS_DIR", "");
  try {
    expect((await run("list-models"))[1]).toMatch(/models folder: .*models, no model/);
    const [code, text] = await run("fetch-model", HUB_MODEL, "--revision", "v1");
    expect(text).toMatch(/some-owner\/Some-Model: fetched, .*models\/some-owner--Some-Model\/v1\. Commit 0123456789/);
    expect(code).toBe(0);
    expect((await run("fetch-model", `${HUB_MODEL}@v1`))[1]).toMatch(/already there/);
    expect((await run("list-models"))[1]).toMatch(/some-owner\/Some-Model@v1 {2}qwen2_vl, 0\.0 MB, /);
    const [failed, reason] = await run("fetch-model", "some-owner/Other");
    expect(failed).toBe(1);
    expect(reason).toMatch(/data: askHub: .*got status 404\. Check the name/);
  } finally {
    vi.unstubAllEnvs();
    await hub.close();
  }
});

test.each([
  [["steal"], /must be one of list, fetch, check, card, fetch-model, list-models/],
  [["fetch-model"], /fetch-model must name one model, owner\/name; got none/],
  [["fetch-model", "../x"], /name must be owner\/name/],
  [["list-models", "x"], /list-models must name nothing else; got x/],
  [["fetch", "breast-mnist", "--revision", "x"], /--revision goes with fetch-model only/],
  [["fetch"], /fetch must name one task or corpus; got none/],
  [["fetch", "brain"], /must be one of breast-mnist/],
  [["fetch", "derma-mnist", "--size", "32"], /--size must be one of 28, 64, 128, 224/],
  [["fetch", "slake", "--size", "64"], /--size goes with MedMNIST tasks only; got slake/],
  [["fetch", "slake", "--from", "zenodo"], /--from must be one of hugging-face for slake; got zenodo/],
  [["fetch", "breast-mnist", "--from", "osf"], /--from must be one of none for breast-mnist; got osf/],
  [["check", "slake", "--from", "osf"], /--from goes with fetch only/],
  [["fetch", "slake", "--from", "home"], /--from must be one of hugging-face, zenodo, osf/],
  [["list", "--colour"], /Unknown option '--colour'\.\nnpm run data/],
])("a wrong call is refused: %s", async (argv, wording) => {
  const [code, text] = await run(...(argv as string[]));
  expect(code).toBe(1);
  expect(text).toMatch(wording);
});
