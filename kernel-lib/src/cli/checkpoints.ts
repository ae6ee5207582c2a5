import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { assertOneOf } from "../base/check";
import { ConfigError } from "../base/errors";
import { repositoryRoot } from "../base/paths";
import type { Control, CurvePoint } from "../base/types";
import { openBackend } from "../compute/backend";
import { saveDualEncoder } from "../models/architectures";
import type { DualEncoder } from "../models/dual-encoder";
import { savePixtral } from "../models/pixtral/weights";
import { saveQwen2Vl } from "../models/qwen2-vl/weights";
import type { VisionLanguageModel } from "../models/vision-language/model";
import { CLIP_RECIPE, type ClipPretrainingOptions, JINA_CLIP_RECIPE, pretrainClip } from "../replicas/pretrain-clip";
import type { PretrainingHooks } from "../replicas/pretrain-loop";
import { pretrainReader } from "../replicas/pretrain-reader";
import { READER_RECIPE } from "../replicas/reader-recipe";
import { createReplicaJinaClip } from "../replicas/replica-jina-clip";
import { createReplicaClip, createReplicaReader, REPLICA_VERSION } from "../replicas/replica-models";
import { createReplicaPixtral } from "../replicas/replica-pixtral";
import { codeVersion } from "../store/artifact";
import { digestOfFile, makeFolder, writeFileAtomic } from "../store/files";
import { lockFileOf, placeFolder, workFolderOf } from "../store/folder";
import { withLock } from "../store/lock";
import { createTerminalProgress, runCommand, terminalControl } from "./terminal-progress";

const MODELS = ["clip", "jina-clip", "qwen2-vl", "pixtral"] as const;
type ModelName = (typeof MODELS)[number];

/** What a maker hands over: facts for the manifest, after the folder was written. */
interface Made {
  readonly recipe: object;
  readonly parameters: number;
  readonly skills: Readonly<Record<string, number>>;
  readonly curve: readonly CurvePoint[];
}

const HELP = `npm run checkpoints [-- --only clip|jina-clip|qwen2-vl|pixtral] [--out DIR] [--help]
Makes the replica-scale models of data/checkpoints again: pre-training on the procedural general-purpose world, seeded.
An interrupted pre-training goes on where it stopped. About 90 minutes on two quiet cores.`;

/** Makes the replica checkpoints. @returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const progress = createTerminalProgress(process.stdout);
  return runCommand("checkpoints", progress, async (signal) => {
    const options = readOptions(argv);
    if (options === "help") {
      progress.say(HELP);
      return 0;
    }
    const { backend } = await openBackend();
    for (const name of options.models) {
      await make(name, options.out, backend, terminalControl(progress, signal));
      progress.say(`${name}: written to ${join(options.out, name)}`);
    }
    return 0;
  });
}

function readOptions(argv: readonly string[]): "help" | { models: readonly ModelName[]; out: string } {
  const known = { only: { type: "string" }, out: { type: "string" }, help: { type: "boolean" } } as const;
  let values: { only?: string; out?: string; help?: boolean };
  try {
    ({ values } = parseArgs({ args: [...argv], options: known }));
  } catch (error) {
    throw new ConfigError(`${(error as Error).message} Use --only, --out or --help.`, {}, error);
  }
  if (values.help === true) return "help";
  const { only, out = join(repositoryRoot(), "data", "checkpoints") } = values;
  if (only !== undefined) assertOneOf("--only", only, MODELS);
  return { models: only === undefined ? MODELS : [only], out };
}

/** Makes one model, one process at a time: its checkpoints lie where the next one goes on from them. */
async function make(name: ModelName, out: string, backend: string, control: Control): Promise<void> {
  const place = join(repositoryRoot(), "data", "artifacts", "checkpoints", `${name}-v${REPLICA_VERSION}`);
  const run = () => pretrain(name, { work: workFolderOf(place), out, backend, control });
  await withLock(lockFileOf(place), run, { where: "checkpoints", what: name, control });
}

interface Pretraining {
  /** Where checkpoints of the pre-training lie. */
  readonly work: string;
  /** Where the model goes, in a folder of its name. */
  readonly out: string;
  readonly backend: string;
  readonly control: Control;
}

/** Pre-trains one model, writes its folder beside its place and puts it there when complete. */
async function pretrain(name: ModelName, { work, out, backend, control }: Pretraining): Promise<void> {
  makeFolder(work);
  const folder = join(work, "folder");
  rmSync(folder, { recursive: true, force: true });
  const made = await MAKERS[name](folder, {
    stateFile: (phase) => join(work, `${phase}.safetensors`),
    control,
  });
  const manifest = {
    schema: 1,
    model: name,
    version: REPLICA_VERSION,
    scale: "replica",
    data: "procedural general-purpose world; no medical data",
    command: `npm run checkpoints -- --only ${name}`,
    ...made,
    backend,
    code: await codeVersion(),
    sha256: await digestOfFile(join(folder, "model.safetensors"), "sha256"),
    bytes: statSync(join(folder, "model.safetensors")).size,
  };
  writeFileAtomic(join(folder, "manifest.json"), `${JSON.stringify(manifest, null, 1)}\n`);
  await placeFolder(folder, join(out, name));
  rmSync(work, { recursive: true, force: true });
}

const MAKERS: Readonly<Record<ModelName, (folder: string, hooks: PretrainingHooks) => Promise<Made>>> = {
  clip: (folder, hooks) => makeEncoder(createReplicaClip(CLIP_RECIPE.seed), CLIP_RECIPE, folder, hooks),
  "jina-clip": (folder, hooks) =>
    makeEncoder(createReplicaJinaClip(JINA_CLIP_RECIPE.seed), JINA_CLIP_RECIPE, folder, hooks),
  "qwen2-vl": (folder, hooks) =>
    makeReader(createReplicaReader(READER_RECIPE.seed), (model) => saveQwen2Vl(model, folder), hooks),
  pixtral: (folder, hooks) =>
    makeReader(createReplicaPixtral(READER_RECIPE.seed), (model) => savePixtral(model, folder), hooks),
};

async function makeEncoder(
  model: DualEncoder,
  recipe: ClipPretrainingOptions,
  folder: string,
  hooks: PretrainingHooks,
): Promise<Made> {
  const learn = async () => {
    const { curve, ...skills } = await pretrainClip(model, recipe, hooks);
    return { curve, skills };
  };
  return learnAndSave(model, { recipe, learn, save: () => saveDualEncoder(model, folder) });
}

async function makeReader<Model extends VisionLanguageModel>(
  model: Model,
  save: (model: Model) => void,
  hooks: PretrainingHooks,
): Promise<Made> {
  const learn = () => pretrainReader(model, READER_RECIPE, hooks);
  return learnAndSave(model, { recipe: READER_RECIPE, learn, save: () => save(model) });
}

/** Pre-trains a model, writes its folder and frees it. */
async function learnAndSave(
  model: DualEncoder | VisionLanguageModel,
  {
    recipe,
    learn,
    save,
  }: {
    readonly recipe: object;
    readonly learn: () => Promise<Pick<Made, "curve" | "skills">>;
    readonly save: () => void;
  },
): Promise<Made> {
  const { curve, skills } = await learn();
  save();
  const made = { recipe, parameters: model.parameters.count(), skills, curve };
  model.dispose();
  return made;
}
