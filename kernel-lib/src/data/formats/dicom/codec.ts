/**
 * What the codecs of this folder share: what they are told, what they give, and how they refuse.
 *
 * The whole reading of a file: data-set.ts finds the elements, header.ts says what is stated, pixel-data.ts unpacks with the codecs of jpeg-decoders.ts and
 * wasm-codecs.ts, dicom.ts puts the picture together, display.ts shows it.
 */

/**
 * Why a packed picture cannot be unpacked: the rule it breaks and what stands there. Who knows the file says the rest.
 * "damaged": its bytes do not unpack. "unread": it may be sound, and is not read, or not under this header.
 */
export class CodecFault extends Error {
  constructor(
    readonly kind: "damaged" | "unread",
    readonly rule: string,
    readonly got: string,
  ) {
    super(`must ${rule}; got ${got}`);
    this.name = "CodecFault";
  }
}

/** Refuses a damaged picture. @throws CodecFault, always. */
export function codecFault(rule: string, got: string | number): never {
  throw new CodecFault("damaged", rule, String(got));
}

/** Refuses a picture in a form that is not read. @throws CodecFault, always. */
export function codecLimit(rule: string, got: string | number): never {
  throw new CodecFault("unread", rule, String(got));
}

/** What a packed picture has to unfold to. */
export interface PictureShape {
  readonly width: number;
  readonly height: number;
  readonly samples: 1 | 3;
  /** Bits of a sample at most. */
  readonly bitsAllocated: 8 | 16;
}

/** Samples as a codec gives them, before they are fitted to the header that names the picture. */
export interface CodedSamples {
  /** [height, width, samples]; two's complement of `precision` bits where the codec knows no sign. */
  readonly values: Uint8Array | Uint16Array | Int16Array;
  /** Bits of a sample, 1 to 16. */
  readonly precision: number;
}

/** @throws CodecFault unless a picture has the size that the header around it states. */
export function assertSameSize(
  found: Omit<PictureShape, "bitsAllocated" | "samples"> & { readonly samples: number },
  shape: PictureShape,
): void {
  const [is, must] = [found, shape].map(({ width, height, samples }) => `${width} x ${height} x ${samples}`);
  if (is !== must) codecLimit(`be ${must}`, is!);
}
