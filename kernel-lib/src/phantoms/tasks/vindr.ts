import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assertNotInterrupted } from "../../base/check";
import { createRandom, type Random } from "../../base/random";
import type { RasterImage } from "../../base/types";
import { formatCsv } from "../../data/formats/csv";
import { VINDR_COLUMNS } from "../../data/tasks/vindr-pcxr";
import { toRaster } from "../looks/canvas";
import {
  type ChestNuisances,
  type ChestSigns,
  drawChestFilm,
  drawChestNuisances,
  type LungSpot,
} from "../looks/chest-film";
import { formatDicom } from "./files";
import { drawClasses, type PhantomRequest, type PhantomTask, scaled } from "./phantom-task";

const SIDE = 96;
const COUNTS = { train: 7728, test: 1397 } as const;
const NO_FINDING = 0;
const SECOND_SHARE = 0.12;

/** Share of each label as the first of a picture: the real order of frequencies, the rarest raised to 1 %. */
export const CHEST_SHARES = [0.58, 0.1, 0.06, 0.05, 0.06, 0.01, 0.045, 0.01, 0.01, 0.015, 0.01, 0.01, 0.02, 0.01, 0.01];

const spot = (random: Random, level: number, radius: number, rest: Partial<LungSpot> = {}): LungSpot => ({
  side: random.chance(0.5) ? "left" : "right",
  height: random.uniform(-1, 1),
  radius: radius * random.uniform(0.8, 1.2),
  level,
  ...rest,
});

const several = (count: number, draw: () => LungSpot): LungSpot[] => Array.from({ length: count }, draw);

type Drawing = (strength: number, random: Random) => Partial<ChestSigns>;

/** What each label adds to a picture, `strength` from 0 to 1. In the order of the publisher's columns. */
const SIGNS: readonly Drawing[] = [
  () => ({}),
  (strength) => ({ streaks: 0.8 + 0.4 * strength }),
  (strength, random) => ({ spots: several(5, () => spot(random, 0.5 + 0.4 * strength, 0.14)) }),
  (strength) => ({ heart: 1.5 + 0.35 * strength }),
  (strength) => ({ inflation: 1 + 0.6 * strength }),
  () => ({ mirrored: 1 }),
  (strength, random) => ({ spots: [spot(random, 0.6 + 0.4 * strength, 0.32)] }),
  (strength, random) => ({ spots: [spot(random, 0.5 + 0.4 * strength, 0.25)], fluid: 0.7 + 0.3 * strength }),
  (strength, random) => ({
    spots: several(4, () =>
      spot(random, -0.6 - 0.4 * strength, 0.15, { side: "right", height: random.uniform(0.4, 1) }),
    ),
  }),
  (strength, random) => ({
    spots: several(4, () => spot(random, 0.6 + 0.4 * strength, 0.13, { height: random.uniform(-1.2, -0.7) })),
  }),
  (strength, random) => ({ spots: [spot(random, -0.6 - 0.4 * strength, 0.4)] }),
  (strength, random) => ({ spots: several(6, () => spot(random, -0.5 - 0.4 * strength, 0.13, { side: "left" })) }),
  (strength) => ({ haze: 0.8 + 0.6 * strength }),
  (strength) => ({ middle: 0.7 + 0.3 * strength }),
  (strength, random) => ({ spots: [spot(random, 0.8 + 0.2 * strength, 0.18)] }),
];

/** What a picture without findings may show too, faintly. */
function drawEveryday(random: Random): ChestSigns {
  return {
    spots: random.chance(0.2) ? [spot(random, random.uniform(0, 0.3), 0.12)] : [],
    streaks: random.uniform(0, 0.3),
    haze: random.uniform(0, 0.2),
    inflation: random.uniform(0, 0.3),
    heart: random.normal(1, 0.07),
  };
}

/** A picture with what was drawn. */
export interface ChestPhantom {
  readonly image: RasterImage;
  readonly signs: ChestSigns;
  readonly nuisances: ChestNuisances;
}

/** Draws a chest film of a child with these labels (indices into the publisher's columns). */
export function drawChestPhantom(labels: readonly number[], random: Random, side = SIDE): ChestPhantom {
  let signs = drawEveryday(random);
  for (const label of labels) {
    const { spots = [], ...rest } = SIGNS[label]!(random.next(), random);
    signs = { ...signs, ...rest, spots: [...signs.spots, ...spots] };
  }
  const nuisances = drawChestNuisances(random);
  return { image: toRaster(drawChestFilm(side, signs, nuisances, random), 1, 0.025, random), signs, nuisances };
}

/** The labels of a picture whose first one is `first`: one picture in eight has another. */
export function drawChestLabels(first: number, random: Random): number[] {
  if (first === NO_FINDING || !random.chance(SECOND_SHARE)) return [first];
  const second = 1 + random.integer(CHEST_SHARES.length - 1);
  return second === first ? [first] : [first, second].sort((a, b) => a - b);
}

/** Twelve bits, the picture in the middle of the range; every third device stores black as the highest value. */
function toDicom(image: RasterImage, id: string, random: Random): Uint8Array {
  const isInverted = random.chance(1 / 3);
  const values = new Uint16Array(image.data.length);
  for (let p = 0; p < values.length; p++) {
    const value = 600 + 10 * image.data[p]! + random.integer(10);
    values[p] = isInverted ? 4095 - value : value;
  }
  const center = 600 + 1280;
  return formatDicom({
    width: image.width,
    height: image.height,
    values,
    bitsStored: 12,
    photometric: isInverted ? "MONOCHROME1" : "MONOCHROME2",
    window: { center: isInverted ? 4095 - center : center, width: 2560 },
    id,
  });
}

async function write({ folder, seed, size, control }: PhantomRequest): Promise<void> {
  for (const split of ["train", "test"] as const) {
    const random = createRandom(`vindr-pcxr-phantom/${seed}`).fork(split);
    mkdirSync(join(folder, split), { recursive: true });
    const rows = drawClasses(scaled(COUNTS[split], size), CHEST_SHARES, random).map((first, i) => {
      if (i % 64 === 0) assertNotInterrupted("phantom of vindr-pcxr", control.signal);
      const own = random.fork(String(i));
      const labels = drawChestLabels(first, own);
      const id = `${split}${String(i).padStart(5, "0")}`;
      const { image } = drawChestPhantom(labels, own);
      writeFileSync(join(folder, split, `${id}.dicom`), toDicom(image, id, own));
      return [id, "R1", ...VINDR_COLUMNS.map((_, label) => (labels.includes(label) ? "1.0" : "0.0"))];
    });
    const text = formatCsv(["image_id", "rad_ID", ...VINDR_COLUMNS], rows);
    writeFileSync(join(folder, `image_labels_${split}.csv`), text);
  }
}

/** The stand-in for VinDr-PCXR: DICOM files of 12 bits. */
export const VINDR_PHANTOM: PhantomTask = {
  version: 2,
  description:
    "Chest films with spots, streaks, haze, wide lungs, a wide or mirrored heart; every sign occurs faintly in healthy pictures too. Exposure, turn, size, marker and wires vary freely. The rarest labels are raised to 1 %.",
  write,
};
