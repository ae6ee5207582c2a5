/** One body in a scene. Coordinates run from -1 to 1, x to the right, y downwards. */
export interface Blob {
  readonly x: number;
  readonly y: number;
  /** Mean radius before the aspect is applied. */
  readonly radius: number;
  /** Relative amplitude of the outline's waves: 0 is an ellipse, 0.3 is star-shaped. */
  readonly border: number;
  /** Number of waves around the outline, 3 to 6. */
  readonly lobes: number;
  /** Turn of the waves, radians. */
  readonly phase: number;
  /** Log of height over width: positive is tall, negative is wide. */
  readonly aspect: number;
  /** Brightness added inside: negative is darker than the surroundings. */
  readonly fill: number;
  /** Brightness taken from the column below. */
  readonly shadow: number;
}

/** A small round mark. */
export interface Spot {
  readonly x: number;
  readonly y: number;
  /** Brightness added at its middle. */
  readonly amplitude: number;
}

/** Everything that decides how a picture looks, but for the two noise fields, which the renderer draws. */
export interface SceneLatents {
  /** Mean grey level, 0 to 1. */
  readonly brightness: number;
  /** Factor on everything that differs from the mean grey level. */
  readonly contrast: number;
  readonly grain: "coarse" | "fine";
  /** Standard deviation of the texture, grey levels. */
  readonly texture: number;
  /** Left-to-right change of brightness, -1 to 1. */
  readonly slope: number;
  readonly blobs: readonly Blob[];
  readonly spots: readonly Spot[];
  /** Index of the corner letter A to D. */
  readonly letter: number;
  /** Factors on red, green and blue; all 1 is grey. */
  readonly tint: readonly [number, number, number];
  /** Standard deviation of the noise of each pixel, grey levels. */
  readonly noise: number;
}
