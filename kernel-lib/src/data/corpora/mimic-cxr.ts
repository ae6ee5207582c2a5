import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../../base/errors";
import { sum } from "../../base/numbers";
import { entityNamesIn } from "../entities";
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
import { REPORT_RULES, type ReportRule, type ReportText, readReport } from "./report-sections";

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

async function readReportFile(file: string): Promise<ReportText> {
  const found = await stat(file).catch(() => null);
  if (found === null) throw new Error("no report");
  if (found.size > MOST_REPORT_BYTES) throw new Error(`a report of ${found.size} bytes`);
  return readReport(new TextDecoder("utf-8", { fatal: true }).decode(await readFile(file)));
}

/** How many reports were read by each rule. */
type RuleCounts = Map<ReportRule, number>;

/** The shares of the rules, in words: "reports by rule: findings and impression 80.0 % (8 of 10), …". */
function sayRules(counts: RuleCounts): string[] {
  const total = sum([...counts.values()]);
  const shares = REPORT_RULES.filter((rule) => counts.has(rule)).map((rule) => {
    const count = counts.get(rule)!;
    return `${rule} ${((100 * count) / total).toFixed(1)} % (${count} of ${total})`;
  });
  return total === 0 ? [] : [`reports by rule: ${shares.join(", ")}`];
}

/** One row per picture of a study; all pictures of a study have its text. */
async function* studyRows(
  folders: { readonly pictures: string; readonly reports: string },
  patient: string,
  study: string,
  counts: RuleCounts,
): AsyncGenerator<CorpusRow | BrokenRow> {
  const { pictures, reports } = folders;
  const report = await readReportFile(join(reports, patient, `${study}.txt`)).catch((error: Error) => error);
  if (!(report instanceof Error)) counts.set(report.rule, (counts.get(report.rule) ?? 0) + 1);
  for (const name of (await namesIn(join(pictures, patient, study))).filter((file) => /\.jpe?g$/i.test(file))) {
    const path = `${patient}/${study}/${name}`;
    if (report instanceof Error || report.text === "") {
      const reason = report instanceof Error ? report.message : "a report that says nothing about the picture";
      yield { place: path, reason };
      continue;
    }
    const group = `mimic-cxr/${patient.split("/")[1]}`;
    const id = path.replace(/^p\d\d\//, "").replace(/\.jpe?g$/i, "");
    const entities = entityNamesIn(`${patient}/${study}`);
    yield {
      place: path,
      id,
      text: report.text,
      licence: LICENCE,
      group,
      entities,
      picture: { folder: pictures, path },
    };
  }
}

/**
 * MIMIC-CXR on disk: pictures `files/p10/p10000032/s50414267/*.jpg`, reports `files/p10/p10000032/s50414267.txt` beside them or
 * under mimic-cxr-reports. A passage is a picture with what the report of its study says about it (report-sections.ts); its group
 * is the patient.
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
  const counts: RuleCounts = new Map();
  async function* rows(): AsyncGenerator<CorpusRow | BrokenRow> {
    counts.clear();
    for (const [position, patient] of patients.entries()) {
      progress.done = position + 1;
      const studies = (await namesIn(join(pictures!, patient))).filter((name) => /^s\d+$/.test(name));
      for (const study of studies) yield* studyRows({ pictures: pictures!, reports }, patient, study, counts);
    }
  }
  const files = reports === pictures ? [pictures] : [pictures, reports];
  return { name: "mimic-cxr", card: CARD, files, rows, progress: () => progress, notes: () => sayRules(counts) };
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
