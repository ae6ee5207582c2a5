import { createRandom } from "../base/random";

/**
 * Which examples step `step` sees: epochs of shuffled indices cut into batches, without gaps between epochs.
 *
 * A pure function of (seed, step): nothing has to be stored to resume.
 *
 * @example createBatchOrder({ numExamples: 5, batchSize: 2, seed: "s" })(0)   // two of 0 … 4
 */
export function createBatchOrder(options: {
  readonly numExamples: number;
  readonly batchSize: number;
  readonly seed: number | string;
}): (step: number) => number[] {
  const { numExamples, batchSize, seed } = options;
  const random = createRandom(seed);
  const all = Array.from({ length: numExamples }, (_, index) => index);
  const epochs = new Map<number, number[]>();
  const epochOrder = (epoch: number): number[] => {
    const known = epochs.get(epoch);
    if (known !== undefined) return known;
    if (epochs.size > 2) epochs.clear();
    const order = random.fork(`epoch ${epoch}`).shuffle(all);
    epochs.set(epoch, order);
    return order;
  };
  return (step) =>
    Array.from({ length: batchSize }, (_, i) => {
      const position = step * batchSize + i;
      return epochOrder(Math.floor(position / numExamples))[position % numExamples]!;
    });
}
