import { assertNotInterrupted } from "../../base/check";
import { createRandom, type Random } from "../../base/random";
import { type RasterImage, SPLITS, type Split } from "../../base/types";
import type { NpyArray } from "../../data/formats/npy";
import { formatNpz } from "../../data/formats/npz";
import { MEDMNIST_PREFIX, type MedMnistTask } from "../../data/tasks/medmnist";
import { writeFileAtomic } from "../../store/files";
import { type CasePlan, factsOfPlan, type RuleWorld, ruleWorld } from "../knowledge/rule";
import { drawClasses, type PhantomRequest, scaled, type TaskPhantom } from "../phantom";

/** The bytes of a MedMNIST file: pictures and labels of every split. */
export function formatMedMnist(draw: (split: Split) => [images: NpyArray, labels: NpyArray]): Uint8Array {
  const arrays = new Map<string, NpyArray>();
  for (const split of SPLITS) {
    const [images, labels] = draw(split);
    arrays.set(`${MEDMNIST_PREFIX[split]}_images`, images);
    arrays.set(`${MEDMNIST_PREFIX[split]}_labels`, labels);
  }
  return formatNpz(arrays, "stored");
}

/** What differs from one MedMNIST stand-in to the next. */
interface MedMnistPhantom {
  readonly task: MedMnistTask;
  readonly version: number;
  readonly description: string;
  /** Share of each class. */
  readonly shares: readonly number[];
  /** Share of the real numbers that the quick size has. */
  readonly quickShare: number;
  /** How a case of a class is drawn in the world of a rule. */
  readonly plan: (label: number, world: RuleWorld, random: Random) => CasePlan;
  /** Draws one picture of a class, 28 by 28. */
  readonly draw: (label: number, plan: CasePlan, random: Random) => RasterImage;
}

const SIDE = 28;

/** The cases of a split, before they are drawn. */
function planSplit({ task, shares, quickShare, plan }: MedMnistPhantom, split: Split, { seed, size }: Wish) {
  const random = createRandom(`${task.name}-phantom/${seed}`).fork(split);
  const world = ruleWorld(task.name, seed);
  return drawClasses(scaled(task.counts[split], size, quickShare), shares, random).map((label, i) => {
    const own = random.fork(String(i));
    return { label, plan: plan(label, world, own), own };
  });
}
type Wish = Pick<PhantomRequest, "seed" | "size">;

function drawSplit(
  phantom: MedMnistPhantom,
  split: Split,
  request: PhantomRequest,
): [images: NpyArray, labels: NpyArray] {
  const { task, draw } = phantom;
  const cases = planSplit(phantom, split, request);
  const count = cases.length;
  const data = new Uint8Array(count * SIDE * SIDE * task.channels);
  for (const [i, { label, plan, own }] of cases.entries()) {
    if (i % 256 === 0) assertNotInterrupted(`phantom of ${task.name}`, request.control.signal);
    data.set(draw(label, plan, own).data, i * SIDE * SIDE * task.channels);
  }
  const channelAxis = task.channels === 1 ? [] : [task.channels];
  return [
    { type: "|u1", shape: [count, SIDE, SIDE, ...channelAxis], data },
    { type: "|u1", shape: [count, 1], data: Uint8Array.from(cases, ({ label }) => label) },
  ];
}

/** The id that the reader of MedMNIST gives row i. */
export const rowId = (task: string, split: Split, i: number): string =>
  `${task}/${split}/${String(i).padStart(5, "0")}`;

/** A stand-in for a MedMNIST file: the same six arrays, types and labels. */
export function medMnistPhantom(phantom: MedMnistPhantom): TaskPhantom {
  const { task, version, description } = phantom;
  const write = async (request: PhantomRequest): Promise<void> => {
    const bytes = formatMedMnist((split) => drawSplit(phantom, split, request));
    writeFileAtomic(`${request.folder}/${task.file}`, bytes);
  };
  const facts: TaskPhantom["facts"] = (request) =>
    SPLITS.flatMap((split) =>
      planSplit(phantom, split, request).map(({ plan }, i) => [rowId(task.name, split, i), factsOfPlan(plan)] as const),
    );
  return { task, version, description, write, facts };
}
