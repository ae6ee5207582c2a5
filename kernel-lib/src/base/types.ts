/** The nouns every room of kernel-lib shares. Letters in shapes: B batch, K passages, D embedding, L tokens, C classes, N corpus. */

/** A decoded picture: row-major, channels interleaved, one byte each. */
export interface RasterImage {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

/** A dense row-major matrix, shape [rows, cols]. */
export interface Matrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly cols: number;
}

export type Split = "train" | "validation" | "test";

/** Where pictures come from: made from a seed, or a publisher's files. */
export type DataSource = "phantom" | "real";

/** How an example is answered: with one label of its task, with any number of them, or in words of its own. */
export type AnswerForm = "label" | "labels" | "words";

/** One question about one picture. */
export interface Example {
  readonly id: string;
  readonly task: string;
  readonly split: Split;
  readonly image: RasterImage;
  readonly question: string;
  /** The true answer as the reader should write it: "1", "0, 3", "yes", "left lung". */
  readonly answer: string;
  /** Indices into the task's labels, ascending: one for the form "label", any number for "labels", none for "words". */
  readonly labels: readonly number[];
  /** Default "label". */
  readonly form?: AnswerForm;
  /** Question answering only: closed answers are judged by exact match, open ones by token recall. */
  readonly kind?: "closed" | "open";
  /** Question answering only: the publisher's type of question, e.g. "MODALITY"; absent where there is none. */
  readonly topic?: string;
  /** Patient or image group: resampling units of the bootstrap, never in two splits. */
  readonly group: string;
}

/** One image-text pair of a corpus: the unit that is retrieved. */
export interface Passage {
  readonly id: string;
  readonly corpus: string;
  readonly image: RasterImage;
  readonly text: string;
  readonly licence: string;
  /** Patient, case or article it comes from, as its publisher names it; absent where unknown. Compared with `Example.group`. */
  readonly group?: string;
  /** Known to phantoms only: the label name the picture was drawn with. Read by analyses, never by training. */
  readonly truth?: string;
}

/** One possible answer of a closed task. */
export interface Label {
  readonly index: number;
  readonly name: string;
  /** What the reader writes for it, e.g. "0". */
  readonly answer: string;
}

/** What a data card says about a task or corpus. */
export interface DataCard {
  readonly title: string;
  readonly source: DataSource;
  readonly description: string;
  readonly licence: string;
  readonly citation: string;
  readonly obtain: string;
}

/** What a task's table reports. "exactMatch" compares whole label sets, "tokenRecall" the words of open answers. */
export type MetricName = "accuracy" | "macroF1" | "exactMatch" | "closedAccuracy" | "tokenRecall";

/** A data set with its question, labels and metric. Nothing else in the library switches on a data set's name. */
export interface Task {
  readonly name: string;
  readonly source: DataSource;
  readonly modality: string;
  readonly labels: readonly Label[];
  readonly splits: Readonly<Record<Split, readonly Example[]>>;
  /** Default accuracy and macroF1: one label per example. */
  readonly metrics?: readonly MetricName[];
  readonly card: DataCard;
  /** Hash of everything the examples depend on: file md5 or generator version and seed. Part of every artifact's key. */
  readonly fingerprint: string;
}

/** The pairs a retriever searches. */
export interface Corpus {
  readonly name: string;
  readonly source: DataSource;
  /**
   * In the corpus's order. Those of a real corpus hold their id only: text and picture are read from disk whenever they are
   * asked for. Visit them one at a time; a list of all their pictures may not fit into memory.
   */
  readonly passages: readonly Passage[];
  readonly card: DataCard;
  readonly fingerprint: string;
}

/** The retriever's two heads; both encode the query image, "text" searches the corpus's text embeddings. */
export type Head = "image" | "text";

/** One hit: `score` is the inner product (unbounded), `rank` starts at 0. */
export interface Retrieved {
  readonly passageId: string;
  readonly head: Head;
  readonly score: number;
  readonly rank: number;
}

/** One example read with one passage, or closed-book (`retrieved` null). */
export interface Reading {
  readonly exampleId: string;
  readonly retrieved: Retrieved | null;
  /** What the reader wrote, decoded. */
  readonly answer: string;
  /** Index of the label the answer names, or null when it names none ("unparsed": counted as wrong). */
  readonly label: number | null;
  /** Mean logit of each label's tokens, [C]. */
  readonly logits: readonly number[];
  /** Softmax of `logits` over the labels, [C], sums to 1. */
  readonly probabilities: readonly number[];
}

/** The fused answer of one system to one example of the form "label". */
export interface Prediction {
  readonly system: string;
  readonly exampleId: string;
  readonly group: string;
  readonly trueLabel: number;
  /** Index of the answered label, or null when unparsed. */
  readonly label: number | null;
  readonly probabilities: readonly number[];
  /** Fusion weight of each reading, sums to 1. */
  readonly weights: readonly number[];
  readonly readings: readonly Reading[];
}

/** One example read with one passage, answered with a set of labels. */
export interface LabelSetReading {
  readonly exampleId: string;
  readonly retrieved: Retrieved | null;
  /** What the reader wrote, decoded. */
  readonly answer: string;
  /** The labels the answer lists, ascending; null when it cannot be read ("unparsed": counted as wrong). */
  readonly labels: readonly number[] | null;
}

/** The fused answer of one system to one example of the form "labels". */
export interface LabelSetPrediction {
  readonly system: string;
  readonly exampleId: string;
  readonly group: string;
  /** Ascending; may be empty. */
  readonly trueLabels: readonly number[];
  /** Ascending; null when unparsed. */
  readonly labels: readonly number[] | null;
  /** Share of the readable weight that names each label, [C]. */
  readonly shares: readonly number[];
  /** Fusion weight of each reading, sums to 1. */
  readonly weights: readonly number[];
  readonly readings: readonly LabelSetReading[];
}

/** One example read with one passage, answered in words. */
export interface WordsReading {
  readonly exampleId: string;
  readonly retrieved: Retrieved | null;
  /** What the reader wrote, decoded. */
  readonly answer: string;
}

/** The fused answer of one system to one example of the form "words". */
export interface WordsPrediction {
  readonly system: string;
  readonly exampleId: string;
  readonly group: string;
  readonly trueAnswer: string;
  /** Null when the readings hold no word. */
  readonly answer: string | null;
  /** Fusion weight of each reading, sums to 1. */
  readonly weights: readonly number[];
  readonly readings: readonly WordsReading[];
}

/** A prediction of any form; they tell themselves apart by `trueLabel`, `trueLabels` and `trueAnswer`. */
export type AnyPrediction = Prediction | LabelSetPrediction | WordsPrediction;

/** A line of progress: `done` of `total` steps, with values worth a look (loss, accuracy …). */
export interface ProgressEvent {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
  readonly values?: Readonly<Record<string, number>>;
}

/** How a caller watches and stops a long step. The library itself never prints. */
export interface Control {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined;
  readonly onWarn?: ((code: string, message: string, details: Readonly<Record<string, unknown>>) => void) | undefined;
}

/** One logged value of a training run. */
export interface CurvePoint {
  readonly stage: string;
  readonly step: number;
  readonly split: Split;
  readonly metric: string;
  readonly value: number;
}

/** A Plotly figure as plain JSON. */
export interface Figure {
  readonly data: readonly Readonly<Record<string, unknown>>[];
  readonly layout: Readonly<Record<string, unknown>>;
  readonly config?: Readonly<Record<string, unknown>>;
}
