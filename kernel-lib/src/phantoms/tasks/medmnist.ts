import { assertNotInterrupted } from "../../base/check";
import { createRandom, type Random } from "../../base/random";
import type { RasterImage, Split } from "../../base/types";
import type { NpyArray } from "../../data/formats/npy";
import { formatNpz } from "../../data/formats/npz";
import { MEDMNIST_PREFIX, type MedMnistTask } from "../../data/tasks/medmnist";
import { writeFileAtomic } from "../../store/files";
import { drawClasses, type PhantomRequest, scaled, type TaskPhantom } from "../phantom";

/** The bytes of a MedMNIST file: pictures and labels of every split. */
export function formatMedMnist(draw: (split: Split) => [images: NpyArray, labels: NpyArray]): Uint8Array {
  const arrays = new Map<string, NpyArray>();
  for (const split of ["train", "validation", "test"] as const) {
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
  /** Draws one picture of a class, 28 by 28. */
  readonly draw: (label: number, random: Random) => RasterImage;
}

const SIDE = 28;

function drawSplit(
  { task, shares, quickShare, draw }: MedMnistPhantom,
  split: Split,
  { seed, size, control }: PhantomRequest,
): [images: NpyArray, labels: NpyArray] {
  const random = createRandom(`${task.name}-phantom/${seed}`).fork(split);
  const count = scaled(task.counts[split], size, quickShare);
  const labels = Uint8Array.from(drawClasses(count, shares, random));
  const data = new Uint8Array(count * SIDE * SIDE * task.channels);
  labels.forEach((label, i) => {
    if (i % 256 === 0) assertNotInterrupted(`phantom of ${task.name}`, control.signal);
    data.set(draw(label, random.fork(String(i))).data, i * SIDE * SIDE * task.channels);
  });
  const channelAxis = task.channels === 1 ? [] : [task.channels];
  return [
    { type: "|u1", shape: [count, SIDE, SIDE, ...channelAxis], data },
    { type: "|u1", shape: [count, 1], data: labels },
  ];
}

/** A stand-in for a MedMNIST file: the same six arrays, types and labels. */
export function medMnistPhantom(phantom: MedMnistPhantom): TaskPhantom {
  const { task, version, description } = phantom;
  const write = async (request: PhantomRequest): Promise<void> => {
    const bytes = formatMedMnist((split) => drawSplit(phantom, split, request));
    writeFileAtomic(`${request.folder}/${task.file}`, bytes);
  };
  return { task, version, description, write };
}
