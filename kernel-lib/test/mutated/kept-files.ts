import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { createRandom } from "../../src/base/random";
import { openPack, readPackSummary, writePack } from "../../src/data/corpora/passage-pack";
import { readCells } from "../../src/experiments/grid/records";
import { loadLora } from "../../src/models/lora/peft-files";
import { renderChat } from "../../src/models/text/chat-template";
import { withFolderTokens } from "../../src/models/text/generation-config";
import { createTokenizer, type TextTokenizer } from "../../src/models/text/tokenizer";
import { readCheckpoint } from "../../src/models/weights/model-folder";
import { formatNotebook, readNotebook } from "../../src/notebook/notebook-file";
import { openScoreCache } from "../../src/reader/score-cache";
import { createFlatIndex, loadFlatIndex } from "../../src/search/flat-index";
import { createHnswIndex, loadHnswIndex } from "../../src/search/hnsw-index";
import { canonicalJson } from "../../src/store/artifact";
import { findFolder, keepFolder } from "../../src/store/folder";
import { takeInventory } from "../../src/store/inventory";
import { readTrainingState, writeTrainingState } from "../../src/training/training-state";
import { loadReference } from "../models/qwen2-vl/reference-case";
import { makeArtifact } from "../store/artifacts";

/** One file of a folder that is damaged again and again, and the program that reads the folder. */
export interface Kept {
  readonly name: string;
  /** The file to damage, inside the folder. */
  readonly file: string;
  /** Fills a folder with sound files. */
  make(folder: string): Promise<void> | void;
  /** Reads the folder. @returns everything that the program knows of it, as plain values. */
  read(folder: string): Promise<unknown> | unknown;
  /**
   * What may be read of a damaged file: "same" what a sound one holds, or nothing; "stated" what the file says, where nothing else says it
   * too: then only the form is checked.
   */
  readonly accepts: "same" | "stated";
  /** Whether a damaged file counts as not there, and is made anew, rather than refused. */
  readonly absent?: "null";
}

const random = () => createRandom("kept files");
const matrix = (rows: number, cols: number) => {
  const draw = random();
  return { data: Float32Array.from({ length: rows * cols }, () => draw.normal()), rows, cols };
};
const ids = (count: number) => Array.from({ length: count }, (_, i) => `passage ${i}`);
const copyOf = (folder: string, path: string) => cpSync(join(__dirname, "..", path), folder, { recursive: true });

// ---- models ------------------------------------------------------------------------------------------------------------

function readAdapter(folder: string): unknown {
  const { model } = loadReference("tied");
  try {
    const adapter = loadLora(model.parameters, folder);
    const sizes = adapter.matrices.map(({ A, B }) => [A.shape, B.shape]);
    adapter.dispose();
    return [adapter.config.rank, adapter.config.modules, sizes];
  } finally {
    model.dispose();
  }
}

const TOKENIZER_JSON = JSON.parse(
  readFileSync(join(__dirname, "../reference/pixtral/published/tokenizer.json"), "utf8"),
) as Record<string, unknown>;
const TEMPLATE = "{% for m in messages %}{{ bos_token }}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}";

function readTemplate(folder: string): unknown {
  const { chatTemplate, tokenizerConfig } = readCheckpoint(folder);
  const tokenizer = createTokenizer(TOKENIZER_JSON, tokenizerConfig ?? {});
  if (chatTemplate === null) return [tokenizer.begin, tokenizer.end, tokenizer.pad];
  const text = renderChat(chatTemplate, [{ role: "user", content: "is it clear?" }], "assistant", tokenizer);
  return [tokenizer.begin, tokenizer.end, tokenizer.pad, tokenizer.encode(text)];
}

function writeModel(folder: string, files: Readonly<Record<string, unknown>>): void {
  copyOf(folder, "reference/pixtral/published");
  rmSync(join(folder, "chat_template.jinja"));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), JSON.stringify(content));
}

const tokensOf = (extra: object) => ({
  ...(JSON.parse(
    readFileSync(join(__dirname, "../reference/pixtral/published/tokenizer_config.json"), "utf8"),
  ) as object),
  ...extra,
});

const GENERATION = {
  ...{ bos_token_id: 1, eos_token_id: [2, 7], pad_token_id: 0, do_sample: true, temperature: 0.1, top_p: 0.9 },
  ...{ top_k: 50, repetition_penalty: 1, num_beams: 1, max_new_tokens: 20, transformers_version: "4.45.0" },
};

const MODELS: Kept[] = [
  {
    name: "adapter_config.json",
    file: "adapter_config.json",
    make: (folder) => copyOf(folder, "reference/qwen2-vl/tied/lora"),
    read: readAdapter,
    accepts: "stated",
  },
  {
    name: "adapter_model.safetensors",
    file: "adapter_model.safetensors",
    make: (folder) => copyOf(folder, "reference/qwen2-vl/tied/lora"),
    read: readAdapter,
    accepts: "same", // ranks and modules: damaged values are values
  },
  {
    name: "generation_config.json",
    file: "generation_config.json",
    make: (folder) => writeModel(folder, { "generation_config.json": GENERATION }),
    read: (folder) =>
      withFolderTokens(
        { vocabSize: 20, padTokenId: 0, endTokenId: 2 },
        { pad: null } as TextTokenizer,
        generationIn(folder),
      ),
    accepts: "stated",
  },
  {
    name: "tokenizer_config.json with a template",
    file: "tokenizer_config.json",
    make: (folder) => writeModel(folder, { "tokenizer_config.json": tokensOf({ chat_template: TEMPLATE }) }),
    read: readTemplate,
    accepts: "stated",
  },
  {
    name: "tokenizer_config.json with named templates",
    file: "tokenizer_config.json",
    make: (folder) =>
      writeModel(folder, {
        "tokenizer_config.json": tokensOf({ chat_template: [{ name: "default", template: TEMPLATE }] }),
      }),
    read: readTemplate,
    accepts: "stated",
  },
  {
    name: "chat_template.json",
    file: "chat_template.json",
    make: (folder) => writeModel(folder, { "chat_template.json": { chat_template: TEMPLATE } }),
    read: readTemplate,
    accepts: "stated",
  },
];

/** The file's content, as a model's folder gives it. */
function generationIn(folder: string): Record<string, unknown> | null {
  return readCheckpoint(folder).generation ?? null;
}

// ---- indexes, caches, packs ----------------------------------------------------------------------------------------------

const indexOf = (kind: "hnsw" | "flat", file: string): Kept => ({
  name: `${kind} index, ${file}`,
  file,
  make: async (folder) => {
    const [names, rows] = [ids(40), matrix(40, 8)];
    const index = kind === "hnsw" ? await createHnswIndex(names, rows) : createFlatIndex(names, rows);
    await index.save(folder);
    index.dispose();
  },
  read: async (folder) => {
    const index = kind === "hnsw" ? await loadHnswIndex(folder) : await loadFlatIndex(folder);
    const hits = await index.search(matrix(3, 8), 5);
    const found = [index.size, index.dimension, hits.map((hit) => [hit.ids, [...hit.scores]])];
    index.dispose();
    return found;
  },
  accepts: "same",
});

const IDENTITY = { fingerprint: "reader-a", numValues: 3 };

const CACHES: Kept[] = [
  indexOf("hnsw", "index.hnsw.json"),
  indexOf("hnsw", "index.hnsw"),
  indexOf("flat", "index.flat.json"),
  indexOf("flat", "index.flat"),
  {
    name: "score cache",
    file: "scores.bin",
    make: (folder) => {
      const cache = openScoreCache({ file: join(folder, "scores.bin"), ...IDENTITY });
      for (let i = 0; i < 6; i++) cache.append([[`${i}`.repeat(32), Float32Array.of(i, -i, i / 7)]]);
    },
    // a frame that does not match its checksum ends the file: what comes after is asked of the reader again
    read: (folder) => {
      const cache = openScoreCache({ file: join(folder, "scores.bin"), ...IDENTITY });
      return Array.from({ length: 6 }, (_, i) => cache.get(`${i}`.repeat(32))).flatMap((values, i) =>
        values === undefined || [...values].join() === [...Float32Array.of(i, -i, i / 7)].join() ? [] : [i],
      );
    },
    accepts: "same",
  },
  {
    name: "training state",
    file: "state.safetensors",
    make: async (folder) => {
      const values = [Float32Array.of(1, 2, 3)];
      const optimiser = { step: 4, mean: Float32Array.of(0, 1, 0), variance: Float32Array.of(1, 1, 1) };
      const state = { stage: "reader", step: 4, values, bestValues: values, optimiser };
      await writeTrainingState(join(folder, "state.safetensors"), state as never);
    },
    read: async (folder) => {
      const variable = tf.variable(tf.tensor1d([0, 0, 0]));
      try {
        const state = await readTrainingState(join(folder, "state.safetensors"), "reader", [variable]);
        const lengths = [state?.values, state?.bestValues].map((each) => each?.map((values) => values.length));
        return [lengths, state?.optimiser.mean.length, state?.optimiser.variance.length];
      } finally {
        variable.dispose();
      }
    },
    accepts: "same",
  },
  ...["pack.json", "rows.jsonl"].map(
    (file): Kept => ({
      name: `decoded corpus, ${file}`,
      file,
      make: (folder) => writePack(folder, drawnPassages(), () => ({ broken: [], notes: ["a note"] })),
      read: async (folder) => {
        const summary = await readPackSummary(folder);
        const passages = await openPack(folder);
        return [
          summary?.count,
          passages.map(({ id, corpus, text, image }) => [id, corpus, text.length, image.data.length]),
        ];
      },
      accepts: "stated",
    }),
  ),
];

async function* drawnPassages() {
  for (let i = 0; i < 5; i++) {
    const image = { width: 2, height: 2, channels: 1 as const, data: new Uint8Array(4).fill(i) };
    yield { id: `p${i}`, corpus: "toy", licence: "CC0-1.0", group: `g${i}`, text: `words ${i}`, image };
  }
}

// ---- artifacts and grids -------------------------------------------------------------------------------------------------

const FACTS = { stage: "index", key: "0".repeat(32) };
const CELL = {
  ...{
    id: "a.b",
    kind: "predictions",
    profile: "quick",
    source: "phantom",
    task: "breast-mnist",
    backbone: "qwen2-vl",
  },
  ...{ seed: 7, system: "jomed", key: "1".repeat(32), answers: [] },
};

const RECORDS: Kept[] = [
  {
    name: "manifest of a kept folder",
    file: "kept/manifest.json",
    make: async (folder) => {
      const write = async (draft: { folder: string }) => {
        writeFileSync(join(draft.folder, "result"), "12345");
        return FACTS;
      };
      await keepFolder({ folder: join(folder, "kept"), identity: FACTS }, write, {
        where: "test",
        what: "a folder",
      });
    },
    read: async (folder) => {
      const found = await findFolder({ folder: join(folder, "kept"), identity: FACTS });
      return found === null ? null : readFileSync(join(folder, "kept", "result"), "utf8");
    },
    accepts: "same",
    absent: "null",
  },
  {
    name: "manifest below an artifacts folder",
    file: "manifest-of-artifact",
    make: async (folder) => {
      const { folder: place } = await makeArtifact(join(folder, "artifacts"), "index", []);
      cpSync(join(place, "manifest.json"), join(folder, "manifest-of-artifact"));
      writeFileSync(join(folder, "where"), join(place, "manifest.json"));
    },
    read: async (folder) => {
      const place = readFileSync(join(folder, "where"), "utf8");
      cpSync(join(folder, "manifest-of-artifact"), place);
      const { artifacts, leftovers } = await takeInventory(join(folder, "artifacts"));
      return artifacts.length + leftovers.length;
    },
    accepts: "same",
  },
  {
    name: "record of a grid's cell",
    file: "grid/phantom-quick/cells/a.json",
    make: (folder) => {
      mkdirSync(join(folder, "grid/phantom-quick/cells"), { recursive: true });
      writeFileSync(join(folder, "grid/phantom-quick/cells/a.json"), `${JSON.stringify(CELL)}\n`);
    },
    read: async (folder) =>
      (await readCells(folder)).map(({ id, key, answers, seed, system, task }) => {
        const texts = [id, key, task, system ?? ""].every((each) => typeof each === "string");
        return (
          texts && Number.isSafeInteger(seed) && Array.isArray(answers) && answers.every((k) => typeof k === "string")
        );
      }),
    accepts: "same",
  },
];

// ---- notebooks -----------------------------------------------------------------------------------------------------------

const NOTEBOOKS: Kept[] = ["basic", "fails", "floods"].map((name) => ({
  name: `notebook ${name}`,
  file: "a.ipynb",
  make: (folder) => cpSync(join(__dirname, `../notebook/files/${name}.ipynb`), join(folder, "a.ipynb")),
  // what was read can be written, and read again
  read: async (folder) => {
    const notebook = await readNotebook(join(folder, "a.ipynb"));
    const again = join(folder, "b.ipynb");
    writeFileSync(again, formatNotebook(notebook));
    const same =
      canonicalJson(JSON.parse(JSON.stringify(await readNotebook(again)))) ===
      canonicalJson(JSON.parse(JSON.stringify(notebook)));
    return same;
  },
  accepts: "same",
}));

/** Everything that the library keeps, or reads beside weights and data, and that somebody may damage. */
export const KEPT: readonly Kept[] = [...MODELS, ...CACHES, ...RECORDS, ...NOTEBOOKS];

/** A folder of sound files; `remove` takes it away. */
export async function soundFolder(kept: Kept): Promise<{ readonly folder: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), "kept-"));
  mkdirSync(dirname(join(folder, kept.file)), { recursive: true });
  await kept.make(folder);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
