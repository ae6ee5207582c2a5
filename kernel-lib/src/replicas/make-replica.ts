import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { checkpointsFolder, repositoryRoot } from "../base/paths";
import type { Control, CurvePoint } from "../base/types";
import { loadReaderModel, saveDualEncoder, saveReaderModel } from "../models/architectures";
import type { DualEncoder } from "../models/dual-encoder/encoder";
import type { VisionLanguageModel } from "../models/vision-language/model";
import { codeVersion } from "../store/artifact";
import { digestOfFile, makeFolder, writeFileAtomic } from "../store/files";
import { lockFileOf, placeFolder, workFolderOf } from "../store/folder";
import { withLock } from "../store/lock";
import { measureReader, type ReaderSkills } from "./exercises";
import { pretrainEncoder } from "./pretrain-encoder";
import { trainPairs } from "./pretrain-pairs";
import { pretrainReader } from "./pretrain-reader";
import {
  ENCODER_RECIPE,
  PAIR_RECIPE,
  PIXTRAL_RECIPE,
  type PretrainingHooks,
  READER_RECIPE,
  REPLICA_VERSION,
  type ReaderRecipe,
} from "./recipes";
import { createReplicaClip, createReplicaJinaClip } from "./replica-encoders";
import { createReplicaPixtral, createReplicaQwen2Vl } from "./replica-readers";

/** The replicas of data/checkpoints, by the names of their folders. */
export const REPLICAS = ["clip", "jina-clip", "qwen2-vl", "pixtral", "qwen2-vl-pairs"] as const;
export type ReplicaName = (typeof REPLICAS)[number];

/** What a pre-trained model's manifest says of it, after its folder was written. */
interface Made {
  readonly recipe: object;
  /** The replica it was made of. */
  readonly from?: { readonly model: ReplicaName; readonly sha256: string };
  readonly parameters: number;
  readonly skills: Readonly<Record<string, number>>;
  readonly sight?: ReaderSkills["sight"];
  readonly curve: readonly CurvePoint[];
}

/** How each is made: a fresh model, or a replica that is there already, is trained and its folder written. */
const MAKERS: Readonly<Record<ReplicaName, (folder: string, hooks: PretrainingHooks) => Promise<Made>>> = {
  clip: (folder, hooks) => makeEncoder(createReplicaClip(ENCODER_RECIPE.seed), folder, hooks),
  "jina-clip": (folder, hooks) => makeEncoder(createReplicaJinaClip(ENCODER_RECIPE.seed), folder, hooks),
  "qwen2-vl": (folder, hooks) => makeReader(createReplicaQwen2Vl(READER_RECIPE.seed), READER_RECIPE, { folder, hooks }),
  pixtral: (folder, hooks) => makeReader(createReplicaPixtral(PIXTRAL_RECIPE.seed), PIXTRAL_RECIPE, { folder, hooks }),
  "qwen2-vl-pairs": (folder, hooks) => teachPairs("qwen2-vl", folder, hooks),
};

interface MakeReplicaOptions {
  /** Where the model goes, in a folder of its name. */
  readonly out: string;
  /** Name of the engine, for the manifest. */
  readonly backend: string;
  readonly control: Control;
}

/**
 * Makes one replica, one process at a time: pre-trains it, writes its folder beside its place and puts it there when complete.
 * An interrupted one goes on where it stopped.
 *
 * @throws InterruptedError when the control's signal is aborted. NumericError when the loss is no longer finite.
 */
export async function makeReplica(name: ReplicaName, options: MakeReplicaOptions): Promise<void> {
  const place = join(repositoryRoot(), "data", "artifacts", "checkpoints", `${name}-v${REPLICA_VERSION}`);
  const make = () => fillFolder(name, workFolderOf(place), options);
  await withLock(lockFileOf(place), make, { where: "checkpoints", what: name, control: options.control });
}

/** @param work where the state of the pre-training lies. */
async function fillFolder(name: ReplicaName, work: string, options: MakeReplicaOptions): Promise<void> {
  const { out, backend, control } = options;
  makeFolder(work);
  const folder = join(work, "folder");
  rmSync(folder, { recursive: true, force: true });
  const made = await MAKERS[name](folder, { stateFile: (phase) => join(work, `${phase}.safetensors`), control });
  const weights = join(folder, "model.safetensors");
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
    sha256: await digestOfFile(weights, "sha256"),
    bytes: statSync(weights).size,
  };
  writeFileAtomic(join(folder, "manifest.json"), `${JSON.stringify(manifest, null, 1)}\n`);
  await placeFolder(folder, join(out, name));
  rmSync(work, { recursive: true, force: true });
}

async function makeEncoder(model: DualEncoder, folder: string, hooks: PretrainingHooks): Promise<Made> {
  const { curve, ...skills } = await pretrainEncoder(model, ENCODER_RECIPE, hooks);
  saveDualEncoder(model, folder);
  const made = { recipe: ENCODER_RECIPE, parameters: model.parameters.count(), skills, curve };
  model.dispose();
  return made;
}

async function makeReader(
  model: VisionLanguageModel,
  recipe: ReaderRecipe,
  { folder, hooks }: { readonly folder: string; readonly hooks: PretrainingHooks },
): Promise<Made> {
  const made = await pretrainReader(model, recipe, hooks);
  return saveReader(model, folder, { recipe, ...made });
}

/** @param from the replica of the repository that is taught. */
async function teachPairs(from: ReplicaName, folder: string, hooks: PretrainingHooks): Promise<Made> {
  const place = join(checkpointsFolder(), from);
  const model = loadReaderModel(place);
  const curve = await trainPairs(model, PAIR_RECIPE, hooks);
  const sha256 = await digestOfFile(join(place, "model.safetensors"), "sha256");
  const measured = measureReader(model, PAIR_RECIPE);
  return saveReader(model, folder, { recipe: PAIR_RECIPE, from: { model: from, sha256 }, ...measured, curve });
}

function saveReader(model: VisionLanguageModel, folder: string, made: Omit<Made, "parameters">): Made {
  saveReaderModel(model, folder);
  const parameters = model.parameters.count();
  model.dispose();
  return { parameters, ...made };
}
