import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../../base/errors";
import { openSafetensors, type SafetensorsIndex, type StoredTensor, writeSafetensors } from "../../compute/safetensors";
import { writeFileAtomic } from "../../store/files";
import type { ParameterStore } from "../weights/parameters";
import {
  attachMatrices,
  HEAD,
  isTargeted,
  type LoraAdapter,
  type LoraConfig,
  type LoraMatrices,
  linearModules,
  type ModuleRank,
  sharesHead,
  weightOf,
} from "./lora";
import { type LoraSettings, loraConfigJson, parseLoraConfig } from "./peft-config";

const CONFIG_FILE = "adapter_config.json";
const WEIGHTS_FILE = "adapter_model.safetensors";
const PICKLE_FILE = "adapter_model.bin";
const PREFIX = "base_model.model.";

/** Where an adapter's weights lie in its folder. */
export const adapterWeightsFile = (folder: string): string => join(folder, WEIGHTS_FILE);

/** Whether a folder holds a whole adapter: its configuration is written last. */
export const holdsLora = (folder: string): boolean => existsSync(join(folder, CONFIG_FILE));

/** Writes an adapter as PEFT does: adapter_config.json and adapter_model.safetensors. The folder is made if need be. */
export function saveLora(adapter: LoraAdapter, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const tensors = adapter.config.modules.flatMap((module, i): [string, StoredTensor][] => {
    const { A, B } = adapter.matrices[i]!;
    return [
      [`${PREFIX}${module}.lora_A.weight`, { dtype: "F32", shape: A.shape, data: A.dataSync() as Float32Array }],
      [`${PREFIX}${module}.lora_B.weight`, { dtype: "F32", shape: B.shape, data: B.dataSync() as Float32Array }],
    ];
  });
  writeSafetensors(join(folder, WEIGHTS_FILE), tensors);
  writeFileAtomic(join(folder, CONFIG_FILE), `${JSON.stringify(loraConfigJson(adapter.config), null, 2)}\n`);
}

/** The two matrices of a module in a file, and the name under which they stand there. */
interface FoundPair {
  readonly written: string;
  readonly A?: string;
  readonly B?: string;
}

/**
 * Reads a PEFT adapter and attaches it to a model.
 *
 * `target_modules` may be "all-linear", a list of names or of their last parts, or a regular expression of the whole name;
 * `exclude_modules`, `layers_to_transform`, `rank_pattern` and `alpha_pattern` are read. Module names of transformers 5 and those of older adapters are
 * both understood. Copies of the model's own weights, which PEFT stores beside an adapted output head, must be equal to them.
 *
 * @throws DataError when the files are not a plain LoRA adapter of this model (another method, trained biases,
 * `modules_to_save`, matrices that `target_modules` does not mean or that are missing, wrong shapes). StateError when a module has an adapter already.
 */
export function loadLora(parameters: ParameterStore, folder: string): LoraAdapter {
  const settings = parseLoraConfig(readJson(join(folder, CONFIG_FILE)), join(folder, CONFIG_FILE));
  const file = join(folder, WEIGHTS_FILE);
  if (!existsSync(file) && existsSync(join(folder, PICKLE_FILE)))
    throw refuse(
      file,
      `must be there; ${PICKLE_FILE} is a pickle, which is never opened`,
      "Load it with PEFT and save it",
    );
  const stored = openSafetensors(file);
  const found = findPairs(parameters, stored, file);
  const modules = chooseModules(parameters, settings, { found, file });
  const { rank, alpha, scaling, dropout } = settings;
  const own = modules.map((module): [string, ModuleRank] => [
    module,
    settings.rankOf([found.get(module)?.written ?? module, module]),
  ]);
  const ranks = new Map(own.filter(([, each]) => each.rank !== rank || each.alpha !== alpha));
  const config: LoraConfig = { rank, alpha, scaling, dropout, modules, ...(ranks.size === 0 ? {} : { ranks }) };
  const checked = new Map(
    own.map(([module, each]) => [
      module,
      matricesOf(parameters, { file, module, stored, rank: each.rank }, found.get(module) ?? null),
    ]),
  );
  return attachMatrices(parameters, config, (module) => checked.get(module)!);
}

/** Which tensors of a file belong to which module. @throws DataError for a tensor that belongs to none. */
function findPairs(parameters: ParameterStore, stored: SafetensorsIndex, file: string): Map<string, FoundPair> {
  const linears = [...linearModules(parameters), ...(sharesHead(parameters) ? [HEAD] : [])];
  const found = new Map<string, FoundPair>();
  for (const name of stored.entries.keys()) {
    if (isCopy(parameters, stored, { name, file })) continue;
    const [, written = "", matrix] = /^base_model\.model\.(.+)\.lora_(A|B)\.weight$/.exec(name) ?? [];
    const module = moduleOf(parameters, written);
    if (module === null || !linears.includes(module))
      throw refuse(
        file,
        `holds "${name}", which is no LoRA matrix of a linear module of this model`,
        "Use an adapter made for this model; one that also changes embeddings or convolutions is to be merged with PEFT",
      );
    if (found.get(module)?.[matrix as "A" | "B"] !== undefined)
      throw refuse(file, `holds ${matrix} of ${module} twice, under an older and today's name`);
    found.set(module, { ...found.get(module), written, [matrix as "A" | "B"]: name });
  }
  return found;
}

/** The module that a file calls so; a head that is the token embedding has a name only. */
function moduleOf(parameters: ParameterStore, written: string): string | null {
  const isHead = written === HEAD || written === parameters.olderNameOf(HEAD);
  return parameters.moduleOf(written) ?? (isHead && sharesHead(parameters) ? HEAD : null);
}

/** By how much a copy may differ: by what half precision takes from the smallest values. */
const NOTHING = 2 ** -25;
/** Share of a value that rounding to 16 bits may take. */
const HALF_PRECISION = 2 ** -8;

/**
 * Whether a tensor is a copy of one of the model's own weights: PEFT stores them beside an adapter that changes the output head.
 *
 * @throws DataError when it has other values: then it was trained, or rounded, or belongs to another model; PEFT would go on with them.
 */
function isCopy(
  parameters: ParameterStore,
  stored: SafetensorsIndex,
  { name, file }: { readonly name: string; readonly file: string },
): boolean {
  const written = /^base_model\.model\.(.+?)(?:\.base_layer)?\.weight$/.exec(name)?.[1];
  const module = written === undefined ? null : moduleOf(parameters, written);
  if (module === null) return false;
  const own = parameters.get(weightOf(parameters, module));
  const { dtype, shape, data } = stored.read(name);
  const values = own.dataSync();
  const isWithin = (share: number): boolean =>
    shape.join() === own.shape.join() &&
    values.every((value, i) => Math.abs(value - Number(data[i])) <= Math.max(NOTHING, share * Math.abs(value)));
  if (isWithin(0)) return true;
  if (dtype === "F32" || !isWithin(HALF_PRECISION))
    throw refuse(file, `holds "${name}" with other values than the model's own, which an adapter cannot change`);
  throw refuse(
    file,
    `holds "${name}" in ${dtype}, rounded from the model's own, which an adapter cannot change`,
    "Save the adapter with save_embedding_layers=False, or the model in that precision",
  );
}

/** The modules of an adapter, in the model's order. @throws DataError where file and configuration mean others. */
function chooseModules(
  parameters: ParameterStore,
  { targets, excluded, isInLayer }: LoraSettings,
  { found, file }: { readonly found: ReadonlyMap<string, FoundPair>; readonly file: string },
): string[] {
  const isOlder = [...found].some(([module, { written }]) => written !== module);
  // targets and exclusions are said in the names of the file
  const nameOf = (module: string): string => (isOlder ? parameters.olderNameOf(module) : module);
  for (const [module, { written }] of found) {
    if (![module, written, nameOf(module), parameters.olderNameOf(module)].some((name) => isTargeted(name, targets)))
      throw refuse(file, `holds matrices of ${module}, which target_modules of ${CONFIG_FILE} does not mean`);
    if (!isInLayer(nameOf(module)))
      throw refuse(file, `holds matrices of ${module}, which layers_to_transform of ${CONFIG_FILE} leaves out`);
    if (isTargeted(nameOf(module), excluded))
      throw refuse(file, `holds matrices of ${module}, which exclude_modules of ${CONFIG_FILE} leaves out`);
  }
  const meant = (module: string): boolean =>
    isTargeted(nameOf(module), targets) && isInLayer(nameOf(module)) && !isTargeted(nameOf(module), excluded);
  const modules = linearModules(parameters).filter((module) => found.has(module) || meant(module));
  if (found.has(HEAD) && !modules.includes(HEAD)) modules.push(HEAD);
  if (modules.length === 0) throw refuse(file, "must hold the matrices of at least one module; it holds none");
  return modules;
}

/** Which matrices are to be read, and from where. */
interface AskedPair {
  readonly file: string;
  readonly module: string;
  readonly stored: SafetensorsIndex;
  readonly rank: number;
}

function matricesOf(
  parameters: ParameterStore,
  { file, module, stored, rank }: AskedPair,
  pair: FoundPair | null,
): LoraMatrices {
  const [outSize, inSize] = parameters.shape(weightOf(parameters, module)) as [number, number];
  const valuesOf = (name: string | undefined, rows: number, cols: number): Float32Array => {
    const entry = name === undefined ? undefined : stored.entries.get(name);
    const same = entry?.shape.length === 2 && entry.shape[0] === rows && entry.shape[1] === cols;
    const data = same ? stored.read(name!).data : null;
    if (data instanceof Float32Array) return data;
    const got = entry === undefined ? "nothing" : `${entry.dtype} [${entry.shape.join(", ")}]`;
    throw refuse(file, `must hold floats of shape [${rows}, ${cols}] for ${module}; got ${got}`);
  };
  return { A: valuesOf(pair?.A, rank, inSize), B: valuesOf(pair?.B, outSize, rank) };
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new DataError(
      `loadLora: ${file} must be a JSON file. Point to a folder written by saveLora or PEFT.`,
      { file },
      cause,
    );
  }
}

function refuse(file: string, problem: string, advice = "Use an adapter made for this model"): DataError {
  return new DataError(`loadLora: ${file} ${problem}. ${advice}.`, { file, problem });
}
