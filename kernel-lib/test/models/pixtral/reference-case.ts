import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { RasterImage } from "../../../src/base/types";
import { loadPixtral, type Pixtral } from "../../../src/models/pixtral/weights";
import type { ChatMessage, ContentPart } from "../../../src/models/text/chat-template";
import {
  collatePrompts,
  type PromptBatch,
  type PromptTokens,
  tokenizePrompt,
} from "../../../src/models/vision-language/prompt-batch";

interface PackedPicture {
  readonly height: number;
  readonly width: number;
  readonly data: string;
}

/** Numbers transformers and PEFT computed, see reference/pixtral/make-reference.py. */
export interface PixtralNumbers {
  readonly chats: { readonly role: "user"; readonly content: readonly { type: string; text?: string }[] }[][];
  readonly texts: string[];
  readonly pictures: PackedPicture[][];
  readonly side: "left" | "right";
  readonly input_ids: number[][];
  readonly attention_mask: number[][];
  readonly image_sizes: [number, number][];
  /** By picture, [3, height, width]. */
  readonly pixel_values: number[][];
  /** Every 16th id at every token. */
  readonly some_logits: number[];
  /** All ids at the last token of every row. */
  readonly last_logits: number[];
  readonly generated: number[][];
  readonly full: { readonly loss: number; readonly gradients: Record<string, number> };
  readonly lora: {
    readonly loss: number;
    readonly last_logits: number[];
    readonly gradients: Record<string, number[]>;
    /** Every third value of the weights after merging, by module. */
    readonly merged: Record<string, number[]>;
  };
  readonly resized: (PackedPicture & { readonly size: [number, number]; readonly pixel_values: number[] })[];
}

export const PIXTRAL_CASES = ["tied", "regex", "published"] as const;

export interface PixtralCase {
  readonly folder: string;
  readonly model: Pixtral;
  readonly messages: ChatMessage[][];
  readonly prompts: PromptTokens[];
  readonly batch: PromptBatch;
  readonly numbers: PixtralNumbers;
}

/** Loads one stored folder and makes its batch from messages and pictures; the caller disposes `model`. */
export function loadPixtralCase(name: (typeof PIXTRAL_CASES)[number]): PixtralCase {
  const folder = join(__dirname, "../../reference/pixtral", name);
  const numbers = JSON.parse(readFileSync(join(folder, "reference.json"), "utf8")) as PixtralNumbers;
  const model = loadPixtral(folder);
  const messages = numbers.chats.map((chat, row) => {
    const pictures = numbers.pictures[row]!.map(unpack);
    return chat.map(({ role, content }): ChatMessage => {
      const parts = content.map(
        ({ type, text }): ContentPart =>
          type === "text" ? { type, text: text! } : { type: "image", image: pictures.shift()! },
      );
      return { role, content: parts };
    });
  });
  const prompts = messages.map((chat) => tokenizePrompt(model, chat));
  return { folder, model, messages, prompts, batch: collatePrompts(model, prompts, { side: numbers.side }), numbers };
}

/** A stored picture. */
export function unpack({ height, width, data }: PackedPicture): RasterImage {
  return { height, width, channels: 3, data: Uint8Array.from(Buffer.from(data, "base64")) };
}

/** [channels, height, width] of patches as the vision tower reads them. */
export function assemblePatches(patches: Float32Array, size: readonly [number, number], patchSize: number): number[] {
  const [height, width] = size;
  const across = width / patchSize;
  return Array.from({ length: 3 * height * width }, (_, i) => {
    const [channel, y, x] = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
    const patch = Math.floor(y / patchSize) * across + Math.floor(x / patchSize);
    return patches[((patch * 3 + channel) * patchSize + (y % patchSize)) * patchSize + (x % patchSize)]!;
  });
}
