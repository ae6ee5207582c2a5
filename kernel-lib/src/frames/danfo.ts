import { createRequire } from "node:module";
import { EnvironmentError } from "../base/errors";
import type { Task } from "../base/types";
import { openBackend } from "../compute/backend";

/** What is used of danfojs-node here. */
interface DanfoFrame {
  readonly columns: string[];
  readonly index: (string | number)[];
  readonly values: number[][];
  describe(): DanfoFrame;
}

interface DanfoSeries {
  valueCounts(): { readonly index: (string | number)[]; readonly values: number[] };
}

interface Danfo {
  readonly DataFrame: new (rows: object[]) => DanfoFrame;
  readonly Series: new (values: readonly string[]) => DanfoSeries;
  getDummies(series: DanfoSeries, options: { readonly prefixSeparator: string; readonly prefix: string }): DanfoFrame;
}

/** Label statistics of a task as plain rows. */
export interface LabelStatistics {
  /** How often each label occurs, most frequent first. */
  readonly counts: readonly { readonly labelName: string; readonly count: number }[];
  /** One row per statistic (count, mean, std, min, median, max, variance) of the pictures' mean and deviation, 0 to 255. */
  readonly pixels: readonly { readonly statistic: string; readonly mean: number; readonly deviation: number }[];
  /** One-hot labels of all examples, [N, C]; columns as in `oneHotColumns`. */
  readonly oneHot: readonly (readonly number[])[];
  readonly oneHotColumns: readonly string[];
}

const ENGINE_PACKAGES = {
  "native-gpu": "@tensorflow/tfjs-node-gpu",
  wasm: "@tensorflow/tfjs",
  cpu: "@tensorflow/tfjs",
};

/**
 * Loads danfojs-node on the engine this process already runs. It asks for @tensorflow/tfjs-node by name; where another
 * engine is open, that one is given instead, because two in one process register every kernel twice.
 */
async function loadDanfo(): Promise<Danfo> {
  const { backend } = await openBackend();
  const load = createRequire(__filename);
  try {
    if (backend !== "native") {
      const path = load.resolve("@tensorflow/tfjs-node");
      load.cache[path] ??= Object.assign(Object.create(null), {
        id: path,
        filename: path,
        loaded: true,
        exports: load(ENGINE_PACKAGES[backend]),
      });
    }
    return load("danfojs-node") as Danfo;
  } catch (cause) {
    const reason = (cause as Error).message.split("\n")[0];
    throw new EnvironmentError(
      `describeLabels: danfojs-node must load; got "${reason}". Run npm run setup.`,
      { package: "danfojs-node", backend },
      cause,
    );
  }
}

function pixelRow(data: Uint8Array): { mean: number; deviation: number } {
  let sum = 0;
  let squares = 0;
  for (const value of data) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / data.length;
  return { mean, deviation: Math.sqrt(Math.max(0, squares / data.length - mean * mean)) };
}

/**
 * Counts, describes and one-hot encodes the labels of a task with danfojs-node, over all splits.
 *
 * @throws EnvironmentError when danfojs-node cannot be loaded.
 * @example (await describeLabels(task)).counts[0]   // { labelName: "normal, benign", count: 469 }
 */
export async function describeLabels(task: Task): Promise<LabelStatistics> {
  const danfo = await loadDanfo();
  const examples = Object.values(task.splits).flat();
  const series = new danfo.Series(examples.map((example) => task.labels[example.labels[0]!]!.name));
  const counted = series.valueCounts();
  const counts = counted.index
    .map((name, i) => ({ labelName: String(name), count: counted.values[i]! }))
    .sort((a, b) => b.count - a.count);
  const described = new danfo.DataFrame(examples.map((example) => pixelRow(example.image.data))).describe();
  const pixels = described.index.map((statistic, i) => {
    const [mean, deviation] = described.values[i]!;
    return { statistic: String(statistic), mean: mean!, deviation: deviation! };
  });
  const dummies = danfo.getDummies(series, { prefix: "is", prefixSeparator: " " });
  return { counts, pixels, oneHot: dummies.values, oneHotColumns: dummies.columns };
}
