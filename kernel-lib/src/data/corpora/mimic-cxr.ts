import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../../base/errors";
import {
  type BrokenRow,
  type CorpusDefinition,
  type CorpusRow,
  type CorpusSource,
  corpusFolder,
  firstFolder,
  isFolder,
  namesIn,
} from "./definition";

/** A heading of a radiology report: capitals at the start of a line, ended by a colon. */
const HEADING = /^[ \t]*([A-Z][A-Z /,()&-]{2,60}):/gm;

/** The sections of a report by heading, in order; a heading that comes twice is joined. */
export function splitReport(report: string): Map<string, string> {
  const sections = new Map<string, string>();
  const headings = [...report.matchAll(HEADING)];
  headings.forEach((heading, k) => {
    const start = heading.index + heading[0].length;
    const text = report
      .slice(start, headings[k + 1]?.index)
      .replace(/\s+/g, " ")
      .trim();
    const name = heading[1]!.trim().toLowerCase();
    const before = sections.get(name);
    sections.set(name, before === undefined ? text : `${before} ${text}`.trim());
  });
  return sections;
}

function textOf(sections: ReadonlyMap<string, string>, pattern: RegExp): string {
  const found = [...sections].filter(([name]) => pattern.test(name)).map(([, text]) => text);
  return found.filter((text) => text !== "").join(" ");
}

/**
 * What a report says about the picture: its findings, then its impression. A report that marks neither gives its last paragraph,
 * where such reports have their reading. Technique, indication and comparison are left out. Empty when nothing is left.
 */
export function findingsAndImpression(report: string): string {
  const sections = splitReport(report);
  const parts = [textOf(sections, /^findings/), textOf(sections, /^(impression|conclusion)/)].filter(
    (text) => text !== "",
  );
  if (parts.length > 0) return parts.join(" ");
  const paragraphs = report.split(/\n\s*\n/).map((text) => text.replace(/\s+/g, " ").trim());
  const last = paragraphs.filter((text) => text !== "").at(-1) ?? "";
  return last.replace(/^[A-Z][A-Z /,()&-]{2,60}:\s*/, "");
}

const NAMES = ["mimic-cxr", "mimic-cxr-jpg", "MIMIC-CXR"];
const PICTURES = [
  "files",
  "mimic-cxr-jpg/files",
  "mimic-cxr-jpg/2.1.0/files",
  "mimic-cxr-jpg/2.0.0/files",
  "2.1.0/files",
  "2.0.0/files",
];
const REPORTS = ["mimic-cxr-reports/files", "reports/files", ...PICTURES];
const LICENCE = "PhysioNet Credentialed Health Data License 1.5.0";
const MOST_REPORT_BYTES = 2 ** 18;
const CARD = {
  title: "MIMIC-CXR",
  description:
    "Chest x-rays with the findings and impression of their reports. Credentialed: it must not leave this machine.",
  licence: LICENCE,
  citation: "Johnson et al., MIMIC-CXR, Scientific Data 6, 317 (2019).",
  obtain:
    "MIMIC-CXR from physionet.org/content/mimic-cxr-jpg and physionet.org/content/mimic-cxr: become a credentialed user, complete the required training, sign the agreement of each, then download the pictures (files/p10/…/*.jpg) and mimic-cxr-reports.zip, unpacked, into a folder mimic-cxr of the data folder. The data must not go to third parties, online services included.",
};

/** Patient folders as "p10/p10000032", in order. */
async function patientFolders(pictures: string): Promise<string[]> {
  const patients: string[] = [];
  for (const group of (await namesIn(pictures)).filter((name) => /^p\d\d$/.test(name))) {
    const names = await namesIn(join(pictures, group));
    patients.push(...names.filter((name) => /^p\d{4,}$/.test(name)).map((name) => `${group}/${name}`));
  }
  return patients;
}

async function readReport(file: string): Promise<string> {
  const found = await stat(file).catch(() => null);
  if (found === null) throw new Error("no report");
  if (found.size > MOST_REPORT_BYTES) throw new Error(`a report of ${found.size} bytes`);
  const text = findingsAndImpression(new TextDecoder("utf-8", { fatal: true }).decode(await readFile(file)));
  if (text === "") throw new Error("a report without findings or impression");
  return text;
}

/** One row per picture of a study; all pictures of a study have its text. */
async function* studyRows(
  folders: { readonly pictures: string; readonly reports: string },
  patient: string,
  study: string,
): AsyncGenerator<CorpusRow | BrokenRow> {
  const { pictures, reports } = folders;
  const text = await readReport(join(reports, patient, `${study}.txt`)).catch((error: Error) => error);
  for (const name of (await namesIn(join(pictures, patient, study))).filter((file) => /\.jpe?g$/i.test(file))) {
    const path = `${patient}/${study}/${name}`;
    if (text instanceof Error) {
      yield { place: path, reason: text.message };
      continue;
    }
    const group = `mimic-cxr/${patient.split("/")[1]}`;
    const id = path.replace(/^p\d\d\//, "").replace(/\.jpe?g$/i, "");
    yield { place: path, id, text, licence: LICENCE, group, picture: { folder: pictures, path } };
  }
}

/**
 * MIMIC-CXR on disk: pictures `files/p10/p10000032/s50414267/*.jpg`, reports `files/p10/p10000032/s50414267.txt` beside them or
 * under mimic-cxr-reports. A passage is a picture with the findings and the impression of its study; its group is the patient.
 *
 * @throws DataError when no patient folder is found.
 */
async function openMimicCxr(dataDir: string): Promise<CorpusSource> {
  const folder = await corpusFolder(dataDir, NAMES, CARD.obtain);
  const pictures = await firstFolder(PICTURES.map((name) => join(folder, name)));
  const patients = pictures === null ? [] : await patientFolders(pictures);
  if (pictures === null || patients.length === 0) {
    throw new DataError(
      `openMimicCxr: ${folder} must hold files/p10/p10000032/…; got no patient folder. ${CARD.obtain}`,
      {
        folder,
      },
    );
  }
  const reports = await firstReports(folder, patients[0]!.split("/")[0]!);
  const progress = { done: 0, total: patients.length };
  async function* rows(): AsyncGenerator<CorpusRow | BrokenRow> {
    for (const [position, patient] of patients.entries()) {
      progress.done = position + 1;
      const studies = (await namesIn(join(pictures!, patient))).filter((name) => /^s\d+$/.test(name));
      for (const study of studies) yield* studyRows({ pictures: pictures!, reports }, patient, study);
    }
  }
  const files = reports === pictures ? [pictures] : [pictures, reports];
  return { name: "mimic-cxr", card: CARD, files, rows, progress: () => progress };
}

/** The first place of reports that holds the patients' upper folder. */
async function firstReports(folder: string, group: string): Promise<string> {
  for (const name of REPORTS) if (await isFolder(join(folder, name, group))) return join(folder, name);
  return folder;
}

/** MIMIC-CXR: chest x-rays with parts of their reports. */
export const MIMIC_CXR: CorpusDefinition = {
  name: "mimic-cxr",
  modality: "chest x-rays",
  card: CARD,
  layout: [
    "mimic-cxr/files/p<NN>/p<patient>/s<study>/*.jpg + reports s<study>.txt beside them or in mimic-cxr-reports/files/",
  ],
  access: "credentialed",
  publications: [],
  open: openMimicCxr,
};
