import { join } from "node:path";
import { type Label, SPLITS, type Split } from "../../base/types";
import { csvFlag, csvText, formatCsv, readCsv } from "../../data/formats/csv";
import { type JsonRow, textField, textsField } from "../../data/formats/text-file";
import { classQuestion, type ReadRequest, type TaskContent, type TaskDefinition } from "../../data/tasks/definition";
import { MEDMNIST_PREFIX, readMedMnist } from "../../data/tasks/medmnist";
import { LABEL_SET_FORMAT, type LabelSetRow, readLabelSets } from "../../data/tasks/multi-label";
import { namedPicture, sideOf } from "../../data/tasks/pictures";
import { jsonRows, kindField, readVqa, VQA_ANSWER_FORMAT, type VqaRow, YES_NO } from "../../data/tasks/vqa";
import { writeFileAtomic } from "../../store/files";
import type { PhantomRequest } from "../phantom";
import { formatMedMnist } from "../tasks/medmnist";
import { writeInPlace, writeJson, writePicture } from "../tasks/questions";
import type { CasebookVariant } from "./dials";
import type { CasebookCase, CasebookWorld } from "./world";

// The casebook's files, in the formats of published tasks: a MedMNIST archive, a table of labels with pictures as multi-label sets have
// it, and lists of questions as SLAKE's. Each is read back by the reader of the real ones.

/** A task with the writer of its files. */
interface CasebookTask {
  readonly task: TaskDefinition;
  readonly write: (world: CasebookWorld, request: PhantomRequest) => Promise<void>;
}

/** A variant, and what a setting of it is called. */
interface CasebookNames {
  readonly variant: CasebookVariant;
  readonly name: string;
}

const MODALITY = "breast ultrasound";
const NOTHING = { obtain: "nothing to obtain" };
const CARD = {
  title: "Casebook",
  description:
    "Pictures of made-up illnesses: a table from patterns of signs to diagnoses, which the captions of a corpus tell.",
};
const numberOf = (i: number): string => String(i).padStart(5, "0");
const labelsOf = (names: readonly string[]): Label[] =>
  names.map((name, index) => ({ index, name, answer: String(index) }));

/** What all variants have in common. */
const COMMON = { modality: MODALITY, replicaTraining: "profile", card: CARD } as const;

function archiveTask({ variant, name }: CasebookNames, names: readonly string[]): CasebookTask {
  const question = classQuestion(`which class is this ${MODALITY} ?`, names);
  const labels = labelsOf(names);
  const file = `${variant}.npz`;
  const counts = { train: 0, validation: 0, test: 0 }; // the archive says them itself
  const spec = { name, file, md5: null, labels, question, channels: 1, counts, card: NOTHING } as const;
  const task: TaskDefinition = {
    ...COMMON,
    ...{ name, labels, question },
    forms: ["label"],
    answerFormat: "the number of one class",
    metrics: ["accuracy", "macroF1"],
    read: (request) => readMedMnist(spec, request),
  };
  const write: CasebookTask["write"] = async (world, { folder }) => {
    const bytes = formatMedMnist((split) => {
      const cases = world.cases(split);
      const pictures = cases.map(({ draw }) => draw());
      const { width, height } = pictures[0]!;
      const data = new Uint8Array(pictures.length * width * height);
      for (const [i, picture] of pictures.entries()) data.set(picture.data, i * width * height);
      const told = Uint8Array.from(cases, (drawn) => drawn.told[0]!);
      return [
        { type: "|u1", shape: [cases.length, height, width], data },
        { type: "|u1", shape: [cases.length, 1], data: told },
      ];
    });
    writeFileAtomic(join(folder, file), bytes);
  };
  return { task, write };
}

const IMAGES = "images";
const labelsFile = (split: Split): string => `image_labels_${split}.csv`;
const pictureName = (split: Split, i: number): string => `${MEDMNIST_PREFIX[split]}${numberOf(i)}.png`;

/** Writes the pictures of every split, and gives the cases with their names. */
async function writeCases(world: CasebookWorld, { folder }: PhantomRequest) {
  const rows: { readonly split: Split; readonly i: number; readonly name: string; readonly drawn: CasebookCase }[] = [];
  for (const split of SPLITS) {
    for (const [i, drawn] of world.cases(split).entries()) {
      const name = pictureName(split, i);
      await writePicture(join(folder, IMAGES), name, { image: drawn.draw(), questions: [], words: [] });
      rows.push({ split, i, name, drawn });
    }
  }
  return rows;
}

function setTask(name: string, names: readonly string[]): CasebookTask {
  const question = classQuestion(`which of these does this ${MODALITY} show ?`, names);
  const labels = labelsOf(names);
  const columns = ["image_id", ...names];
  const readRows = async (request: ReadRequest, split: Split): Promise<LabelSetRow[]> => {
    const rows: LabelSetRow[] = [];
    for (const row of await readCsv(join(request.dataDir, labelsFile(split)), columns)) {
      const id = csvText(row, "image_id");
      const place = `${row.place}, column image_id`;
      const picture = await namedPicture(join(request.dataDir, IMAGES), `${id}.png`, place, sideOf(request));
      const held = labels.flatMap(({ index, name: column }) => (csvFlag(row, column) === 1 ? [index] : []));
      rows.push({ id, split, place: row.place, labels: held, patient: null, picture });
    }
    return rows;
  };
  const read = async (request: ReadRequest): Promise<TaskContent> => {
    const parts = await Promise.all(SPLITS.map((split) => readRows(request, split)));
    return readLabelSets({ name, question, labels }, parts.flat(), request);
  };
  const task: TaskDefinition = {
    ...COMMON,
    ...{ name, labels, question, read },
    forms: ["labels"],
    answerFormat: LABEL_SET_FORMAT,
    metrics: ["exactMatch", "macroF1"],
  };
  const write: CasebookTask["write"] = async (world, request) => {
    const rows = await writeCases(world, request);
    for (const split of SPLITS) {
      const told = rows
        .filter((row) => row.split === split)
        .map(({ name: file, drawn }) => {
          return [file.replace(/\.png$/, ""), ...labels.map(({ index }) => (drawn.told.includes(index) ? 1 : 0))];
        });
      writeInPlace(join(request.folder, labelsFile(split)), formatCsv(columns, told));
    }
  };
  return { task, write };
}

const FILES = { train: "train.json", validation: "validate.json", test: "test.json" } as const;

/** Side, letter and class in one answer: two nuisances that captions name, and the diagnosis. */
const phraseOf = ({ facts }: CasebookCase, diagnosis: string): string =>
  `${facts.words.side} ${facts.words.letter} ${diagnosis}`;

const PHRASE_QUESTION = "what side , letter and class ?";

/** The task's pictures with a question each, as lists beside a folder of pictures. */
async function writeQuestions(
  world: CasebookWorld,
  request: PhantomRequest,
  ask: (drawn: CasebookCase) => Readonly<Record<string, unknown>>,
): Promise<void> {
  const rows = await writeCases(world, request);
  for (const split of SPLITS) {
    const own = rows.filter((row) => row.split === split);
    const asked = own.map(({ i, name: img_name, drawn }) => ({ qid: numberOf(i), img_name, ...ask(drawn) }));
    writeJson(join(request.folder, FILES[split]), asked);
  }
}

type Asked = Omit<VqaRow, "picture" | "place" | "entities" | "split">;

/** Reads what writeQuestions wrote. */
async function readQuestions(name: string, request: ReadRequest, pick: (row: JsonRow) => Asked): Promise<TaskContent> {
  const pictures = { folder: join(request.dataDir, IMAGES), field: "img_name", side: sideOf(request) };
  const parts = SPLITS.map((split) =>
    jsonRows(join(request.dataDir, FILES[split]), pictures, (row) => ({ ...pick(row), split })),
  );
  return readVqa(name, (await Promise.all(parts)).flat(), request);
}

const commonFields = (row: JsonRow) => ({
  id: textField(row, "qid"),
  question: textField(row, "question"),
  answer: textField(row, "answer"),
});

/** A yes/no question about one diagnosis, as often right as wrong, or an open one whose answer also names two nuisances. */
function askAbout(drawn: CasebookCase, { names, dials }: CasebookWorld) {
  const { told, random } = drawn;
  const own = random.fork("question");
  const isClosed = own.chance(dials.yesNo);
  const asked = own.chance(0.5) ? told[0]! : own.pick(names.map((_, label) => label).filter((c) => c !== told[0]));
  if (isClosed) {
    const answer = asked === told[0] ? "yes" : "no";
    return { question: `is this lesion ${names[asked]} ?`, answer, answer_type: "CLOSED", content_type: "DIAGNOSIS" };
  }
  const answer = phraseOf(drawn, names[told[0]!]!);
  return { question: PHRASE_QUESTION, answer, answer_type: "OPEN", content_type: "FINDINGS" };
}

function wordsTask(name: string): CasebookTask {
  const read = (request: ReadRequest) =>
    readQuestions(name, request, (row) => ({
      ...commonFields(row),
      kind: kindField(row, "answer_type"),
      topic: textField(row, "content_type"),
    }));
  const task: TaskDefinition = {
    ...COMMON,
    ...{ name, labels: YES_NO, question: null, read },
    forms: ["yesNo", "words"],
    answerFormat: VQA_ANSWER_FORMAT,
    metrics: ["closedAccuracy", "tokenRecall"],
  };
  return { task, write: (world, request) => writeQuestions(world, request, (drawn) => askAbout(drawn, world)) };
}

/** One of two answers, which differ in their last word only: what tells a loss that contrasts labels from one that pays for words. */
function phrasesTask(name: string, names: readonly string[]): CasebookTask {
  const labels = labelsOf(names);
  const read = (request: ReadRequest) =>
    readQuestions(name, request, (row) => ({
      ...commonFields(row),
      kind: "closed",
      topic: null,
      choices: textsField(row, "choices"),
    }));
  const task: TaskDefinition = {
    ...COMMON,
    ...{ name, labels, question: PHRASE_QUESTION, read },
    forms: ["label"],
    answerFormat: "side, letter and class in three words",
    metrics: ["accuracy", "macroF1"],
  };
  const ask = (drawn: CasebookCase, { names: diagnoses }: CasebookWorld) => {
    const choices = diagnoses.map((diagnosis) => phraseOf(drawn, diagnosis));
    return { question: PHRASE_QUESTION, answer: choices[drawn.told[0]!]!, choices };
  };
  return { task, write: (world, request) => writeQuestions(world, request, (drawn) => ask(drawn, world)) };
}

/** The task of a setting with these diagnoses. */
export function casebookTask(of: CasebookNames, names: readonly string[]): CasebookTask {
  if (of.variant === "casebook-set") return setTask(of.name, names);
  if (of.variant === "casebook-phrases") return phrasesTask(of.name, names);
  return of.variant === "casebook-words" ? wordsTask(of.name) : archiveTask(of, names);
}
