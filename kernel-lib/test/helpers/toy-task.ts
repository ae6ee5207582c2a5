import { createRandom } from "../../src/base/random";
import type { Example, Label, Passage, RasterImage } from "../../src/base/types";

/** Bright pictures are class 1, dark ones class 0; a passage's text names its class. */
export const BRIGHTNESS_LABELS: Label[] = [
  { index: 0, name: "dark", answer: "0" },
  { index: 1, name: "bright", answer: "1" },
];

function drawImage(label: number, random: ReturnType<typeof createRandom>): RasterImage {
  const data = Uint8Array.from({ length: 16 * 16 }, () => random.integer(100) + (label === 1 ? 150 : 0));
  return { width: 16, height: 16, channels: 1, data };
}

export function brightnessExamples(count: number, seed: string): Example[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, i) => ({
    id: `${seed}-${i}`,
    task: "brightness",
    split: "train",
    image: drawImage(i % 2, random),
    question: "is this picture dark or bright ? 0 : dark 1 : bright",
    answer: String(i % 2),
    labels: [i % 2],
    group: `${seed}-${i}`,
  }));
}

export function brightnessPassages(count: number, seed: string): Passage[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, i) => ({
    id: `${seed}-${i}`,
    corpus: "brightness",
    image: drawImage(i % 2, random),
    text: i % 3 === 0 ? `a ${["dark", "bright"][i % 2]} picture` : `this picture is ${["dark", "bright"][i % 2]} .`,
    licence: "CC0-1.0",
    truth: ["dark", "bright"][i % 2]!,
  }));
}
