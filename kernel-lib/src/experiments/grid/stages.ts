import type { Head } from "../../base/types";
import { taskDefinition } from "../../phantoms/load-task";
import type { RetrieverStageOptions } from "../../training/retriever-options";
import type { ReaderMode } from "../stages/reader";
import { LEARNED_HEADS, type SystemName } from "../with-system";
import type { Backbone, GridSettings } from "./options";

/** One column of the grid: a system as it is, or with one thing changed. */
export interface GridSystem {
  /** On the command line. */
  readonly name: string;
  /** How its predictions name it; the notebooks' name, so that they are the same artifacts. */
  readonly label: string;
  readonly system: SystemName;
  /** What is changed in stage 2; `variant` names it in stage ids. */
  readonly variant: string;
  readonly training: Partial<RetrieverStageOptions>;
  readonly fusion?: "logits";
  readonly candidates?: "random";
  /** "labelled": only tasks whose every question has labels, because its loss contrasts labels. */
  readonly tasks?: "labelled";
}

const DEFAULT = { variant: "default", training: {} } as const;

function plain(system: SystemName): GridSystem {
  return { name: system, label: system, system, ...DEFAULT };
}

function trained(name: string, training: Partial<RetrieverStageOptions>, tasks?: "labelled"): GridSystem {
  const label = name.replaceAll("-", " ");
  return { name, label, system: "jomed", variant: name, training, ...(tasks === undefined ? {} : { tasks }) };
}

/** Every system of the grid: from plain to full, then one thing changed at a time. */
export const GRID_SYSTEMS: readonly GridSystem[] = [
  plain("closed-book"),
  plain("ft-rag"),
  plain("text-head"),
  plain("image-head"),
  plain("jomed"),
  { name: "random-pairs", label: "random pairs", system: "ft-rag", candidates: "random", ...DEFAULT },
  { name: "logits", label: "logits", system: "jomed", fusion: "logits", ...DEFAULT },
  trained("no-prior", { prior: "off" }),
  trained("learned-only", { learnedWeight: 1 }),
  trained("perplexity-distillation", { loss: "perplexityDistillation" }),
  trained("emdr2", { loss: "emdr2" }),
  trained("leave-one-out", { loss: "leaveOneOut" }),
  trained("attention-distillation", { loss: "attentionDistillation" }, "labelled"),
  trained("reveal", { loss: "reveal" }, "labelled"),
];

/** The system of this name; the caller has checked it. */
export function gridSystem(name: string): GridSystem {
  return GRID_SYSTEMS.find((system) => system.name === name)!;
}

/** The stages of a grid, named as their artifact folders. */
export const STAGE_KINDS = [
  "leaks",
  "index",
  "reader",
  "candidate-scores",
  "retriever-head",
  "predictions",
  "results",
] as const;
export type StageKind = (typeof STAGE_KINDS)[number];

/** One question of the grid: how does this system do on this task? */
export interface GridCell {
  readonly task: string;
  readonly backbone: Backbone;
  readonly seed: number;
  readonly system: string;
  /** Id of the stage that answers it. */
  readonly stage: string;
}

/** A cell that was asked for and cannot be, with the reason. */
export interface LeftOut {
  readonly task: string;
  readonly system: string;
  readonly why: string;
}

/** A computation of which several cells share the result. Plain data. */
export interface GridStage {
  /** Made of its kind and of what follows, joined by "."; usable as a file name. */
  readonly id: string;
  readonly kind: StageKind;
  readonly task: string;
  /** Null where every reader shares it. */
  readonly backbone: Backbone | null;
  /** Null where every seed shares it. */
  readonly seed: number | null;
  /** Of a reader. */
  readonly mode?: ReaderMode;
  /** Of a retriever head, and what is changed in its training ("default": nothing). */
  readonly head?: Head;
  readonly variant?: string;
  /** Of predictions. */
  readonly system?: string;
  /** Ids of the stages it reads. */
  readonly needs: readonly string[];
}

/** Cells, the stages they need, each once, in the order of the work: a task is finished before the next begins. */
export interface StageList {
  readonly cells: readonly GridCell[];
  readonly leftOut: readonly LeftOut[];
  readonly stages: readonly GridStage[];
}

/** Lists the cells of a grid and their stages. Nothing is read or computed. */
export function listStages(settings: GridSettings): StageList {
  const cells: GridCell[] = [];
  const leftOut: LeftOut[] = [];
  const stages = new Map<string, GridStage>();
  const add = (stage: GridStage): string => {
    if (!stages.has(stage.id)) stages.set(stage.id, stage);
    return stage.id;
  };
  for (const task of settings.tasks) {
    const systems = settings.systems.map(gridSystem).filter((system) => {
      const why = whyNot(task, system);
      if (why !== null) leftOut.push({ task, system: system.name, why });
      return why === null;
    });
    for (const backbone of settings.backbones) {
      for (const seed of settings.seeds) {
        const group = { task, backbone, seed };
        const answers = systems.map((system) => {
          const stage = addPredictions(add, group, system);
          cells.push({ ...group, system: system.name, stage });
          return stage;
        });
        if (answers.length > 0) add(stageOf("results", group, {}, answers));
      }
    }
  }
  return { cells, leftOut, stages: [...stages.values()] };
}

type Group = Pick<GridCell, "task" | "backbone" | "seed">;
type Part = Pick<GridStage, "mode" | "head" | "variant" | "system">;

function stageOf(kind: StageKind, group: Group, part: Part, needs: readonly string[]): GridStage {
  const { task, backbone, seed } = group;
  const id = [kind, task, backbone, String(seed), ...Object.values(part)].join(".");
  return { id, kind, task, backbone, seed, ...part, needs };
}

/** Adds the stages of one cell, those it builds on first. @returns the id of its predictions. */
function addPredictions(add: (stage: GridStage) => string, group: Group, system: GridSystem): string {
  const shared = (kind: StageKind, needs: readonly string[]): string =>
    add({ id: `${kind}.${group.task}`, kind, task: group.task, backbone: null, seed: null, needs });
  const part = { system: system.name };
  if (system.system === "closed-book") {
    const reader = add(stageOf("reader", group, { mode: "closedBook" }, []));
    return add(stageOf("predictions", group, part, [reader]));
  }
  const index = shared("index", [shared("leaks", [])]);
  const reader = add(stageOf("reader", group, { mode: "retrieval" }, [index]));
  const heads = LEARNED_HEADS[system.system];
  const trained = heads.map((head) => {
    const scores = add(stageOf("candidate-scores", group, {}, [index, reader]));
    return add(stageOf("retriever-head", group, { head, variant: system.variant }, [index, reader, scores]));
  });
  return add(stageOf("predictions", group, part, [index, reader, ...trained]));
}

/** Why a system cannot answer a task; null when it can. */
function whyNot(task: string, { name, tasks }: GridSystem): string | null {
  if (tasks !== "labelled") return null;
  const labelled = taskDefinition(task).forms.every((form) => form === "label");
  return labelled ? null : `${name} contrasts labels, and some questions of ${task} have none`;
}
