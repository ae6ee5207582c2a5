import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assertNotInterrupted } from "../../base/check";
import { createRandom, type Random } from "../../base/random";
import type { RasterImage, Split } from "../../base/types";
import { formatCsv } from "../../data/formats/csv";
import { VINDR_COLUMNS, VINDR_PCXR } from "../../data/tasks/vindr-pcxr";
import { type CasePlan, factsOfPlan, planCase, type RuleWorld, ruleWorld } from "../knowledge/rule";
import { toRaster } from "../looks/canvas";
import { type ChestSigns, type DrawnFilm, drawChestFilm, drawChestNuisances, type LungSpot } from "../looks/chest-film";
import { takePicture } from "../looks/taking";
import { drawClasses, type PhantomRequest, scaled, type TaskPhantom } from "../phantom";

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

/** Deviation of the grain. */
const TEXTURE = 0.15;

/** Draws a chest film of a child with these labels (indices into the publisher's columns). */
export function drawChestPhantom(labels: readonly number[], plan: CasePlan, random: Random, side = SIDE): DrawnFilm {
  let signs = drawEveryday(random);
  for (const label of plan.isTold ? labels.filter((one) => !IN_RULE.includes(one)) : labels) {
    const { spots = [], ...rest } = SIGNS[label]!(random.next(), random);
    signs = { ...signs, ...rest, spots: [...signs.spots, ...spots] };
  }
  const nuisances = drawChestNuisances(random);
  const canvas = drawChestFilm(side, signs, nuisances, random);
  takePicture(canvas, plan.words, TEXTURE, random);
  return { image: toRaster(canvas, 1, 0.025, random), signs, nuisances, plan };
}

/** The labels that the rule knows. */
const IN_RULE = [0, 1, 2, 3, 4, 6];

/** How a picture with these labels is drawn in the world of a rule, which knows at most one of them. */
export function planChest(labels: readonly number[], world: RuleWorld, random: Random): CasePlan {
  const known = labels.filter((label) => IN_RULE.includes(label));
  const label = known.length === 1 ? IN_RULE.indexOf(known[0]!) : null;
  return planCase(world, label, random.fork("plan"));
}

/** The labels of a picture whose first one is `first`: one picture in eight has another. */
export function drawChestLabels(first: number, random: Random): number[] {
  if (first === NO_FINDING || !random.chance(SECOND_SHARE)) return [first];
  const second = 1 + random.integer(CHEST_SHARES.length - 1);
  return second === first ? [first] : [first, second].sort((a, b) => a - b);
}

/** A grey picture to be written as DICOM. */
interface DicomContent {
  readonly width: number;
  readonly height: number;
  /** Stored values, 0 to 2^bitsStored - 1. */
  readonly values: Uint16Array;
  readonly bitsStored: number;
  readonly photometric: "MONOCHROME1" | "MONOCHROME2";
  readonly window: { readonly center: number; readonly width: number };
  readonly id: string;
}

type Element = readonly [group: number, element: number, vr: string, value: string | number | Uint8Array];

const EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1";
const DIGITAL_X_RAY = "1.2.840.10008.5.1.4.1.1.1.1";
/** UIDs below 2.25 may be made up from any number. */
const UID_ROOT = "2.25.";
const LONG_FORM = ["OB", "OW"];

function encodeValue(vr: string, value: Element[3]): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === "number") {
    const bytes = Buffer.alloc(vr === "UL" ? 4 : 2);
    bytes.writeUIntLE(value, 0, bytes.length);
    return bytes;
  }
  // an odd length is padded: UIDs with a zero byte, other texts with a blank
  return Buffer.from(value.length % 2 === 0 ? value : value + (vr === "UI" ? "\0" : " "), "latin1");
}

/** One data element in explicit VR little endian. */
function encodeElement([group, element, vr, value]: Element): Uint8Array {
  const content = encodeValue(vr, value);
  const isLong = LONG_FORM.includes(vr);
  const head = Buffer.alloc(isLong ? 12 : 8);
  head.writeUInt16LE(group, 0);
  head.writeUInt16LE(element, 2);
  head.write(vr, 4, "latin1");
  if (isLong) head.writeUInt32LE(content.length, 8);
  else head.writeUInt16LE(content.length, 6);
  return Buffer.concat([head, content]);
}

const encode = (elements: readonly Element[]): Uint8Array => Buffer.concat(elements.map(encodeElement));

/** The bytes of a DICOM Part 10 file with one uncompressed grey frame of 16 bits allocated. */
export function formatDicom(content: DicomContent): Uint8Array {
  const { width, height, values, bitsStored, photometric, window, id } = content;
  const pixels = Buffer.alloc(2 * values.length);
  for (let p = 0; p < values.length; p++) pixels.writeUInt16LE(values[p]!, 2 * p);
  const uid = UID_ROOT + BigInt(`0x${Buffer.from(id).toString("hex").slice(0, 30)}`).toString();
  const meta = encode([
    [0x0002, 0x0001, "OB", Uint8Array.of(0, 1)],
    [0x0002, 0x0002, "UI", DIGITAL_X_RAY],
    [0x0002, 0x0003, "UI", uid],
    [0x0002, 0x0010, "UI", EXPLICIT_LITTLE_ENDIAN],
    [0x0002, 0x0012, "UI", `${UID_ROOT}1`],
  ]);
  const data = encode([
    [0x0008, 0x0016, "UI", DIGITAL_X_RAY],
    [0x0008, 0x0018, "UI", uid],
    [0x0008, 0x0060, "CS", "DX"],
    [0x0010, 0x0020, "LO", id],
    [0x0028, 0x0002, "US", 1],
    [0x0028, 0x0004, "CS", photometric],
    [0x0028, 0x0010, "US", height],
    [0x0028, 0x0011, "US", width],
    [0x0028, 0x0100, "US", 16],
    [0x0028, 0x0101, "US", bitsStored],
    [0x0028, 0x0102, "US", bitsStored - 1],
    [0x0028, 0x0103, "US", 0],
    [0x0028, 0x1050, "DS", String(window.center)],
    [0x0028, 0x1051, "DS", String(window.width)],
    [0x0028, 0x1052, "DS", "0"],
    [0x0028, 0x1053, "DS", "1"],
    [0x7fe0, 0x0010, "OW", pixels],
  ]);
  const length = encode([[0x0002, 0x0000, "UL", meta.length]]);
  return Buffer.concat([Buffer.alloc(128), Buffer.from("DICM"), length, meta, data]);
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

/** The films of a part, before they are drawn. */
function planPart(split: keyof typeof COUNTS, { seed, size }: Pick<PhantomRequest, "seed" | "size">) {
  const random = createRandom(`vindr-pcxr-phantom/${seed}`).fork(split);
  const world = ruleWorld(VINDR_PCXR.name, seed);
  return drawClasses(scaled(COUNTS[split], size), CHEST_SHARES, random).map((first, i) => {
    const own = random.fork(String(i));
    const labels = drawChestLabels(first, own);
    return { id: `${split}${String(i).padStart(5, "0")}`, labels, plan: planChest(labels, world, own), own };
  });
}

async function write(request: PhantomRequest): Promise<void> {
  const { folder, control } = request;
  for (const split of ["train", "test"] as const) {
    mkdirSync(join(folder, split), { recursive: true });
    const rows = planPart(split, request).map(({ id, labels, plan, own }, i) => {
      if (i % 64 === 0) assertNotInterrupted("phantom of vindr-pcxr", control.signal);
      const { image } = drawChestPhantom(labels, plan, own);
      writeFileSync(join(folder, split, `${id}.dicom`), toDicom(image, id, own));
      return [id, "R1", ...VINDR_COLUMNS.map((_, label) => (labels.includes(label) ? "1.0" : "0.0"))];
    });
    const text = formatCsv(["image_id", "rad_ID", ...VINDR_COLUMNS], rows);
    writeFileSync(join(folder, `image_labels_${split}.csv`), text);
  }
}

/** Where a film of a part may come to: the reader takes its validation films from the training part. */
const splitsOf = (part: keyof typeof COUNTS): readonly Split[] =>
  part === "train" ? ["train", "validation"] : ["test"];

/** The stand-in for VinDr-PCXR: DICOM files of 12 bits. */
export const VINDR_PHANTOM: TaskPhantom = {
  task: VINDR_PCXR,
  version: 3,
  description:
    "Chest films with spots, streaks, haze, wide lungs, a wide or mirrored heart; every sign occurs faintly in healthy pictures too. Of the six commonest labels, seven in ten are not drawn: they lie in the corpus, by a made-up rule over how the picture was taken. Turn, size, marker and wires vary freely. The rarest labels are raised to 1 %.",
  write,
  facts: (request) =>
    (["train", "test"] as const).flatMap((part) =>
      planPart(part, request).flatMap(({ id, plan }) =>
        splitsOf(part).map((split) => [`${VINDR_PCXR.name}/${split}/${id}`, factsOfPlan(plan)] as const),
      ),
    ),
};
