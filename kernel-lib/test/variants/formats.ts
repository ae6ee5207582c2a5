import { ADAPTER } from "./adapters";
import { NPZ, SAFETENSORS } from "./arrays";
import { CLIP, GENERATION, PIXTRAL, QWEN2_VL } from "./configurations";
import { DICOM } from "./dicom";
import type { Format } from "./format";
import { PICTURE } from "./pictures";
import { PROCESSOR } from "./processors";
import { CSV, PARQUET } from "./tables";
import { TEMPLATE, TOKENS } from "./texts";

/** Every format that files from outside have, and its share of all variants that are tried. */
export const FORMATS: readonly { readonly format: Format; readonly share: number }[] = [
  { format: DICOM, share: 6 },
  { format: PICTURE, share: 6 },
  { format: PARQUET, share: 4 },
  { format: CSV, share: 3 },
  { format: NPZ, share: 2 },
  { format: SAFETENSORS, share: 3 },
  { format: CLIP, share: 3 },
  { format: QWEN2_VL, share: 4 },
  { format: PIXTRAL, share: 4 },
  { format: GENERATION, share: 2 },
  { format: PROCESSOR, share: 4 },
  { format: TEMPLATE, share: 3 },
  { format: TOKENS, share: 3 },
  { format: ADAPTER, share: 1 },
];
