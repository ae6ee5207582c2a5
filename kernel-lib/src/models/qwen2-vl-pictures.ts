import { type QwenImageConfig, qwenPatches, smartResize } from "./image-processor";
import { runVisionTower } from "./qwen2-vision";
import type { Qwen2VlConfig } from "./qwen2-vl-config";
import { multimodalPositions, tokensOf } from "./qwen2-vl-positions";
import { VISION_PREFIX } from "./qwen2-vl-weights";
import type { PictureReader } from "./vision-language";

/** How Qwen2-VL turns pictures into tokens: smart resize, squares of patches, three positions per token. */
export function qwen2VlPictures(config: Qwen2VlConfig, processor: QwenImageConfig): PictureReader {
  const { imageTokenId } = config;
  const { spatialMergeSize } = config.vision;
  return {
    modules: [VISION_PREFIX],
    gridOf: ({ height, width }) => {
      const { patchSize, mergeSize } = processor;
      const size = smartResize(height, width, { ...processor, factor: patchSize * mergeSize });
      return { frames: 1, height: size.height / patchSize, width: size.width / patchSize };
    },
    cut: (image) => qwenPatches(image, processor).patches,
    tokensOf: (grid) => tokensOf(grid, spatialMergeSize),
    expand: (grid) => new Array<number>(tokensOf(grid, spatialMergeSize)).fill(imageTokenId),
    place: (ids, grids) => multimodalPositions(ids, grids, { imageTokenId, spatialMergeSize }),
    run: (parameters, group) => runVisionTower(parameters, config.vision, group),
  };
}
