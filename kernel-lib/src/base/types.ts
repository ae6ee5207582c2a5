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

/** The parts of a task, in the order in which they are used. */
export const SPLITS = ["train", "validation", "test"] as const;
export type Split = (typeof SPLITS)[number];

/** Where pictures come from: made from a seed, or a publisher's files. */
export const DATA_SOURCES = ["phantom", "real"] as const;
export type DataSource = (typeof DATA_SOURCES)[number];

/** One question about one picture. */
export interface Example {
  readonly id: string;
  readonly task: string;
  readonly split: Split;
  readonly image: RasterImage;
  readonly question: string;
  /** The true answer as the reader should write it: "1", "0, 3", "yes", "left lung". */
  readonly answer: string;
  /** How each of the task's labels is written as an answer to this question, [C]. Default the labels' own answers. */
  readonly wordings?: readonly string[];
  /** Indices into the task's labels, ascending: one for the forms "label" and "yesNo", any number for "labels", none for "words". */
  readonly labels: readonly number[];
  /** Default "label". */
  readonly form?: AnswerForm;
  /** Question answering only: closed answers are judged by exact match, open ones by token recall. */
  readonly kind?: "closed" | "open";
  /** Question answering only: the publisher's type of question, e.g. "MODALITY"; absent where there is none. */
  readonly topic?: string;
  /** Patient or image group: resampling units of the bootstrap, never in two splits. */
  readonly group: string;
  /** Patients, studies, cases, articles and pictures that it comes from besides, each under its one name; absent where none is known. */
  readonly entities?: readonly string[];
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
  /** What else it comes from, as in `Example.entities`. */
  readonly entities?: readonly string[];
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

/** What each form of answer consists of: the answer itself, and what it adds to a reading and to a prediction. */
export interface FormParts {
  /** One label of the task: its index. */
  readonly label: OneLabelParts;
  /** One of the task's two labels, which are yes and no. */
  readonly yesNo: OneLabelParts;
  /** Any number of the task's labels: their indices, ascending, maybe none. */
  readonly labels: {
    readonly answer: readonly number[];
    readonly reading: object;
    /** `shares`: of the readable weight, the part that names each label, [C]. */
    readonly fused: { readonly shares: readonly number[] };
  };
  /** Words of its own. */
  readonly words: { readonly answer: string; readonly reading: object; readonly fused: object };
}

/** What the forms "label" and "yesNo" consist of. */
export interface OneLabelParts {
  readonly answer: number;
  /** `logits`: mean logit of each label's tokens, [C]. `probabilities`: their softmax over the labels, [C], sums to 1. */
  readonly reading: { readonly logits: readonly number[]; readonly probabilities: readonly number[] };
  /** `probabilities`: of each label, all readings taken together, [C], sums to 1. */
  readonly fused: { readonly probabilities: readonly number[] };
}

/** How an example is answered: with one label of its task, with yes or no, with any number of labels, or in words of its own. */
export type AnswerForm = keyof FormParts;

/** What readings of every form have. Exported, with PredictionOf, so that declarations of notebook cells can name it. */
export interface ReadingOf<F extends AnswerForm> {
  readonly form: F;
  readonly exampleId: string;
  readonly retrieved: Retrieved | null;
  /** What the reader wrote, decoded. */
  readonly text: string;
  /** What the text says; null when it cannot be read ("unparsed": counted as wrong). */
  readonly answer: FormParts[F]["answer"] | null;
}

/** One example read with one passage, or closed-book (`retrieved` null). `form` says which. */
export type Reading<F extends AnswerForm = AnswerForm> = { [K in F]: ReadingOf<K> & FormParts[K]["reading"] }[F];

/** What predictions of every form have. */
export interface PredictionOf<F extends AnswerForm> {
  readonly form: F;
  readonly system: string;
  readonly exampleId: string;
  readonly group: string;
  /** The true answer. */
  readonly truth: FormParts[F]["answer"];
  /** The answer given; null when it cannot be read ("unparsed": counted as wrong). */
  readonly answer: FormParts[F]["answer"] | null;
  /** Fusion weight of each reading, sums to 1; empty where nothing was read. */
  readonly weights: readonly number[];
  /** What the answer was made of; empty for a system without a reader. */
  readonly readings: readonly Reading<F>[];
}

/** The answer of one system to one example. `form` says which; `Prediction<"label">` is that of one form. */
export type Prediction<F extends AnswerForm = AnswerForm> = {
  [K in F]: PredictionOf<K> & FormParts[K]["fused"];
}[F];

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

/** All members of a union at once: of `{ a } | { b }` the type `{ a } & { b }`. For options that several parts share. */
export type IntersectionOf<Union> = (Union extends unknown ? (one: Union) => void : never) extends (
  all: infer All,
) => void
  ? All
  : never;
