import { inverseFrequency } from "../../compute/ops/rotary";
import type { Fields, JsonObject } from "../weights/fields";

/*
 * Rotary frequencies of a text model, as its configuration asks for them: plain ones, or stretched to longer texts in one of the
 * four ways that transformers calls "linear", "dynamic", "yarn" and "llama3". Numbers are single precision where PyTorch's are.
 */

/** How frequencies are stretched so that longer texts than those trained with can be read. */
export type RopeScaling =
  /** All by one factor. */
  | { readonly type: "linear"; readonly factor: number }
  /** By a larger base, as soon as a text is longer than `maxPositions`. */
  | { readonly type: "dynamic"; readonly factor: number }
  /** Slow ones by the factor, fast ones not, those between in part; cosines and sines by `attentionFactor`. */
  | {
      readonly type: "yarn";
      readonly factor: number;
      readonly originalMaxPositions: number;
      readonly attentionFactor: number;
      /** Turns within `originalMaxPositions` from which on a frequency counts as fast, and up to which as slow. */
      readonly betaFast: number;
      readonly betaSlow: number;
      /** Whether the bounds between fast and slow are whole places. */
      readonly truncate: boolean;
    }
  /** By wavelength: long ones by the factor, short ones not, those between in part. */
  | {
      readonly type: "llama3";
      readonly factor: number;
      readonly originalMaxPositions: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
    };

type Yarn = Extract<RopeScaling, { type: "yarn" }>;
type Llama3 = Extract<RopeScaling, { type: "llama3" }>;

/** The rotary positions of a text model. */
export interface RopeConfig {
  /** Base of the frequencies. */
  readonly ropeTheta: number;
  /** Default: frequencies as they are. */
  readonly ropeScaling?: RopeScaling;
  /** Most tokens of a text that the model was trained with. */
  readonly maxPositions: number;
}

// ---- frequencies -------------------------------------------------------------------------------------------------------

/**
 * Rotary frequencies of one head, in radians a position, [dimension / 2].
 *
 * @param dimension width of a head.
 * @param length tokens of the longest text: only "dynamic" asks.
 */
export function rotaryFrequencies(config: RopeConfig, dimension: number, length: number): number[] {
  const { ropeTheta, ropeScaling: scaling } = config;
  const plain = (theta: number): number[] =>
    Array.from({ length: dimension / 2 }, (_, j) => inverseFrequency(theta, 2 * j, dimension));
  if (scaling === undefined) return plain(ropeTheta);
  if (scaling.type === "linear") return plain(ropeTheta).map((frequency) => Math.fround(frequency / scaling.factor));
  if (scaling.type === "dynamic") return plain(dynamicTheta(config, scaling.factor, { dimension, length }));
  if (scaling.type === "yarn") return yarnFrequencies(ropeTheta, scaling, dimension);
  return plain(ropeTheta).map((frequency) => llama3Frequency(frequency, scaling));
}

/** What cosines and sines are multiplied by. */
export function rotaryScale({ ropeScaling }: RopeConfig): number {
  return ropeScaling?.type === "yarn" ? ropeScaling.attentionFactor : 1;
}

/** Most tokens of a prompt: those trained with, or as many as they are stretched to. */
export function longestText({ maxPositions, ropeScaling }: RopeConfig): number {
  if (ropeScaling === undefined) return maxPositions;
  const original = "originalMaxPositions" in ropeScaling ? ropeScaling.originalMaxPositions : maxPositions;
  return Math.max(maxPositions, Math.floor(original * ropeScaling.factor));
}

/** The base of a text longer than those trained with; shorter ones leave it as it is. */
function dynamicTheta(
  { ropeTheta, maxPositions }: RopeConfig,
  factor: number,
  { dimension, length }: { readonly dimension: number; readonly length: number },
): number {
  if (length <= maxPositions || dimension === 2) return ropeTheta;
  return ropeTheta * ((factor * length) / maxPositions - (factor - 1)) ** (dimension / (dimension - 2));
}

function yarnFrequencies(theta: number, scaling: Yarn, dimension: number): number[] {
  const { factor, originalMaxPositions, betaFast, betaSlow, truncate } = scaling;
  // the place among the frequencies that turns so often within the texts trained with
  const placeOf = (turns: number): number =>
    (dimension * Math.log(originalMaxPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const [fast, slow] = [placeOf(betaFast), placeOf(betaSlow)];
  const low = Math.max(truncate ? Math.floor(fast) : fast, 0);
  const end = Math.min(truncate ? Math.ceil(slow) : slow, dimension - 1);
  const high = end === low ? low + 0.001 : end;
  return Array.from({ length: dimension / 2 }, (_, j) => {
    const wave = Math.fround(theta ** Math.fround((2 * j) / dimension));
    const [kept, stretched] = [Math.fround(1 / wave), Math.fround(1 / Math.fround(factor * wave))];
    const ramp = Math.min(1, Math.max(0, Math.fround(Math.fround(j - low) / (high - low))));
    const share = Math.fround(1 - ramp); // of the frequency as it is
    return Math.fround(Math.fround(stretched * Math.fround(1 - share)) + Math.fround(kept * share));
  });
}

function llama3Frequency(frequency: number, scaling: Llama3): number {
  const { factor, originalMaxPositions, lowFrequencyFactor, highFrequencyFactor } = scaling;
  const wavelength = (2 * Math.PI) / frequency;
  if (wavelength < originalMaxPositions / highFrequencyFactor) return frequency;
  if (wavelength > originalMaxPositions / lowFrequencyFactor) return Math.fround(frequency / factor);
  const smooth = (originalMaxPositions / wavelength - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
  return Math.fround(((1 - smooth) * frequency) / factor + smooth * frequency);
}

// ---- configuration files -----------------------------------------------------------------------------------------------

/** The object with the rotary fields: `rope_scaling`, or, where that is empty, `rope_parameters`. Marks both as read. */
export function ropeSection(fields: Fields): Fields {
  const [older, newer] = [fields.value("rope_scaling"), fields.value("rope_parameters")];
  const isEmpty = older === undefined || (typeof older === "object" && Object.keys(older as object).length === 0);
  return fields.section(isEmpty && newer !== undefined ? "rope_parameters" : "rope_scaling", {});
}

/** What a section is read with. */
interface RopeDefaults {
  /** `rope_theta` of the publisher's class. */
  readonly theta: number;
  /** Names for frequencies as they are. */
  readonly plain: readonly string[];
  readonly maxPositions: number;
}

/**
 * Reads the rotary fields of a text model.
 *
 * @param rope from `ropeSection`; what is read of it before is left alone, what nobody reads is refused.
 * @throws DataError naming the field, where another way of stretching is asked for or a number is missing.
 */
export function parseRope(fields: Fields, rope: Fields, defaults: RopeDefaults): Omit<RopeConfig, "maxPositions"> {
  const outside = fields.real("rope_theta", defaults.theta);
  const ropeTheta = rope.real("rope_theta", outside);
  const field = rope.value("rope_type") === undefined ? "type" : "rope_type";
  const known = [...defaults.plain, "linear", "dynamic", "yarn", "llama3"];
  const type = rope.oneOf(field, known, "default");
  rope.value("type"); // stands beside rope_type in files of the years between
  fields.only("partial_rotary_factor", 1);
  rope.only("partial_rotary_factor", 1);
  const inner = rope.value("original_max_position_embeddings") === undefined ? null : rope;
  const outer = fields.value("original_max_position_embeddings") === undefined ? null : fields;
  const original = (outer ?? inner)?.size("original_max_position_embeddings") ?? defaults.maxPositions;
  const ropeScaling = defaults.plain.includes(type) ? undefined : parseScaling(rope, type, original);
  rope.refuseOthers();
  return { ropeTheta, ...(ropeScaling === undefined ? {} : { ropeScaling }) };
}

function parseScaling(rope: Fields, type: string, originalMaxPositions: number): RopeScaling {
  const factor = rope.real("factor");
  if (type === "linear" || type === "dynamic") return { type, factor };
  if (type === "llama3") {
    const [low, high] = [rope.real("low_freq_factor"), rope.real("high_freq_factor")];
    return { type, factor, originalMaxPositions, lowFrequencyFactor: low, highFrequencyFactor: high };
  }
  return {
    type: "yarn",
    factor,
    originalMaxPositions,
    attentionFactor: rope.real("attention_factor", attentionFactorOf(rope, factor)),
    betaFast: rope.real("beta_fast", 32),
    betaSlow: rope.real("beta_slow", 1),
    truncate: rope.flag("truncate", "on"),
  };
}

/** What YaRN's paper suggests, or what `mscale` and `mscale_all_dim` say. */
function attentionFactorOf(rope: Fields, factor: number): number {
  const grown = (scale: number): number => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1);
  const [one, all] = [rope.number("mscale", 0), rope.number("mscale_all_dim", 0)];
  return one !== 0 && all !== 0 ? grown(one) / grown(all) : grown(1);
}

/** The content of `rope_parameters` that transformers 5 reads. */
export function ropeJson({ ropeTheta, ropeScaling: scaling }: RopeConfig): JsonObject {
  const plain = { rope_theta: ropeTheta, rope_type: scaling?.type ?? "default" };
  if (scaling === undefined) return plain;
  const stretched = { ...plain, factor: scaling.factor };
  if (scaling.type === "linear" || scaling.type === "dynamic") return stretched;
  const original = { ...stretched, original_max_position_embeddings: scaling.originalMaxPositions };
  if (scaling.type === "llama3")
    return {
      ...original,
      low_freq_factor: scaling.lowFrequencyFactor,
      high_freq_factor: scaling.highFrequencyFactor,
    };
  return {
    ...original,
    attention_factor: scaling.attentionFactor,
    beta_fast: scaling.betaFast,
    beta_slow: scaling.betaSlow,
    truncate: scaling.truncate,
  };
}
