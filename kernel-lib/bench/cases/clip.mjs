import * as tf from "@tensorflow/tfjs-core";
import { CHECKPOINTS, f32, from } from "../library.mjs";

const { createRandom } = from("base/random");
const { loadClip } = from("models/clip/weights");
const { clipImageEmbeddings } = from("models/clip/model");

/** Image embeddings of 256 pictures that are resized already. */
export async function openClip() {
  const clip = loadClip(`${CHECKPOINTS}/clip`);
  const side = clip.config.vision.imageSize;
  const random = createRandom("bench");
  const values = Float32Array.from({ length: 256 * side * side * 3 }, () => random.normal());
  const pixels = tf.tensor4d(values, [256, side, side, 3]);
  return {
    name: "CLIP embedding, 256 pictures",
    run: () => tf.tidy(() => clipImageEmbeddings(clip, pixels).dataSync()[0]),
    peers: { transformers: { case: "clip" } },
    tensors: { pixels: f32([256, side, side, 3], values) },
    result: "same",
    close: () => {
      pixels.dispose();
      clip.dispose();
    },
  };
}
