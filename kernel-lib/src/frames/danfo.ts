import { createRequire } from "node:module";
import { EnvironmentError } from "../base/errors";
import type { Example, Task } from "../base/types";
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
  /** How often each label occurs, most frequent first; "none" for an empty set. Of answers in words, how often each occurs. */
  readonly counts: readonly { readonly labelName: string; readonly count: number }[];
  /** One row per statistic (count, mean, std, min, median, max, variance) of the pictures' mean and deviation, 0 to 255. */
  readonly pixels: readonly { readonly statistic: string; readonly mean: number; readonly deviation: number }[];
  /** Labels of all examples, [N, C], 1 where one applies; columns as in `oneHotColumns`. Answers in words have no column. */
  readonly oneHot: readonly (readonly number[])[];
  readonly oneHotColumns: readonly string[];
  /** How many examples have both labels, [C, C], in the order of `oneHotColumns`; on the diagonal, how many have the one. */
  readonly together: readonly (readonly number[])[];
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

/** The names an example is counted under: its labels, "none" for an empty set, its answer where it is answered in words. */
function namesOf(task: Task, { form = "label", labels, answer }: Example): string[] {
  if (form === "words") return [answer];
  return labels.length === 0 ? ["none"] : labels.map((label) => task.labels[label]!.name);
}

/** One row per example from one row per name: the sum of its names' rows. */
function sumRows(rows: readonly (readonly number[])[], owners: readonly number[], numOwners: number): number[][] {
  const sums = Array.from({ length: numOwners }, () => new Array<number>(rows[0]?.length ?? 0).fill(0));
  rows.forEach((row, i) => {
    const sum = sums[owners[i]!]!;
    row.forEach((value, c) => {
      sum[c]! += value;
    });
  });
  return sums;
}

function countTogether(oneHot: readonly (readonly number[])[], numColumns: number): number[][] {
  const together = Array.from({ length: numColumns }, () => new Array<number>(numColumns).fill(0));
  for (const row of oneHot) {
    const there = row.flatMap((value, c) => (value > 0 ? [c] : []));
    for (const a of there) for (const b of there) together[a]![b]! += 1;
  }
  return together;
}

/**
 * Counts, describes and one-hot encodes the labels of a task with danfojs-node, over all splits. Examples with several labels are
 * counted under each.
 *
 * @throws EnvironmentError when danfojs-node cannot be loaded.
 * @example (await describeLabels(task)).counts[0]   // { labelName: "normal, benign", count: 469 }
 */
export async function describeLabels(task: Task): Promise<LabelStatistics> {
  const danfo = await loadDanfo();
  const examples = Object.values(task.splits).flat();
  const names = examples.map((example) => namesOf(task, example));
  const series = new danfo.Series(names.flat());
  const counted = series.valueCounts();
  const counts = counted.index
    .map((name, i) => ({ labelName: String(name), count: counted.values[i]! }))
    .sort((a, b) => b.count - a.count);
  const described = new danfo.DataFrame(examples.map((example) => pixelRow(example.image.data))).describe();
  const pixels = described.index.map((statistic, i) => {
    const [mean, deviation] = described.values[i]!;
    return { statistic: String(statistic), mean: mean!, deviation: deviation! };
  });
  return { counts, pixels, ...encodeLabels(danfo, examples, names) };
}

function encodeLabels(
  danfo: Danfo,
  examples: readonly Example[],
  names: readonly (readonly string[])[],
): Pick<LabelStatistics, "oneHot" | "oneHotColumns" | "together"> {
  const named = names.map((own, i) => (examples[i]!.form === "words" ? [] : own));
  const owners = named.flatMap((own, i) => own.map(() => i));
  if (owners.length === 0) return { oneHot: named.map(() => []), oneHotColumns: [], together: [] };
  const dummies = danfo.getDummies(new danfo.Series(named.flat()), { prefix: "is", prefixSeparator: " " });
  const oneHot = sumRows(dummies.values, owners, examples.length);
  return { oneHot, oneHotColumns: dummies.columns, together: countTogether(oneHot, dummies.columns.length) };
}
