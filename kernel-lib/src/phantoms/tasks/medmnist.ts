import { assertNotInterrupted } from "../../base/check";
import { createRandom, type Random } from "../../base/random";
import type { RasterImage, Split } from "../../base/types";
import type { NpyArray } from "../../data/formats/npy";
import { formatNpz } from "../../data/formats/npz";
import type { MedMnistSpec } from "../../data/tasks/medmnist";
import { writeFileAtomic } from "../../store/files";
import { drawClasses, type PhantomRequest, type PhantomTask, scaled } from "./phantom-task";

/** What differs from one MedMNIST stand-in to the next. */
export interface MedMnistPhantom {
  readonly spec: MedMnistSpec;
  readonly version: number;
  readonly description: string;
  /** Share of each class. */
  readonly shares: readonly number[];
  /** Share of the real numbers that the quick size has. */
  readonly quickShare: number;
  /** Draws one picture of a class, 28 by 28. */
  readonly draw: (label: number, random: Random) => RasterImage;
}

const PREFIX: Readonly<Record<Split, string>> = { train: "train", validation: "val", test: "test" };
const SIDE = 28;

function drawSplit(phantom: MedMnistPhantom, split: Split, request: PhantomRequest): NpyArray[] {
  const { spec, shares, quickShare, draw } = phantom;
  const { seed, size, control } = request;
  const random = createRandom(`${spec.name}-phantom/${seed}`).fork(split);
  const count = scaled(spec.counts[split], size, quickShare);
  const labels = Uint8Array.from(drawClasses(count, shares, random));
  const data = new Uint8Array(count * SIDE * SIDE * spec.channels);
  labels.forEach((label, i) => {
    if (i % 256 === 0) assertNotInterrupted(`phantom of ${spec.name}`, control.signal);
    data.set(draw(label, random.fork(String(i))).data, i * SIDE * SIDE * spec.channels);
  });
  const channelAxis = spec.channels === 1 ? [] : [spec.channels];
  return [
    { type: "|u1", shape: [count, SIDE, SIDE, ...channelAxis], data },
    { type: "|u1", shape: [count, 1], data: labels },
  ];
}

/** A stand-in for a MedMNIST file: the same six arrays, types and labels. */
export function medMnistPhantom(phantom: MedMnistPhantom): PhantomTask {
  const write = async (request: PhantomRequest): Promise<void> => {
    const arrays = new Map<string, NpyArray>();
    for (const split of ["train", "validation", "test"] as const) {
      const [images, labels] = drawSplit(phantom, split, request);
      arrays.set(`${PREFIX[split]}_images`, images!);
      arrays.set(`${PREFIX[split]}_labels`, labels!);
    }
    writeFileAtomic(`${request.folder}/${phantom.spec.file}`, formatNpz(arrays, "stored"));
  };
  return { version: phantom.version, description: phantom.description, write };
}
