/*
 * Sections of radiology reports as MIMIC-CXR has them: written by hand over years, with headings in capitals or not, misspelt, doubled,
 * named after the view ("CHEST, TWO VIEWS:") or left out. What a report says about the picture is kept; why it was taken, how, who was
 * told and who typed it is not.
 */

/** What stands under a heading. */
type SectionKind = "findings" | "impression" | "view" | "request" | "closing" | "other";

/** One section of a report. */
export interface Section {
  /** As written; "" for what stands before the first heading. */
  readonly heading: string;
  readonly kind: SectionKind;
  /** Its paragraphs, blanks and line ends made one blank, none of them empty. */
  readonly paragraphs: readonly string[];
}

const words = (text: string) => text.split(" ").filter((word) => word !== "");

const FINDINGS = words("findings finding observations interpretation description discussion result results");
const IMPRESSION = words("impression impressions conclusion conclusions opinion summary diagnosis assessment");
/** Headings that begin so are about the request, whatever follows. */
const REQUEST = words("clinical reason indication indications history admitting type");
/** How the picture was taken and what it is compared with. */
const TECHNIQUE = words(
  "comparison comparisons technique protocol procedure anesthesia contrast dose fluoroscopy radiation medication medications operator " +
    "operators accession consent information",
);
/** Who was told, who wrote and signed, and what is to be done. */
const CLOSING = words(
  "addendum approved attending communication communications dictated dictation discussed electronically notification notified physician " +
    "provider radiologist recommendation recommendations referring resident signed technologist telephone transcribed",
);
/** Part of a request alone, but not beside the name of a view: "PORTABLE CHEST EXAMINATION:". */
const EXAMINATION = words("exam exams examination examinations study studies date time patient");
const VIEW = words(
  "ap pa lateral frontal chest portable view views radiograph radiographs film films xray xr cxr upright semiupright semierect erect supine " +
    "decubitus single two three bedside thorax lordotic oblique",
);
/** May stand in the name of a view besides. */
const FILLERS = words(
  "a an and at day dated for from in of on one or ray semi the with x am pm hours hour obtained performed",
);

/** In how many letters two words differ (left out, put in, exchanged, two neighbours swapped), or `most` + 1 where it is more. */
function editDistance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let [older, old] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const exchanged = old[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(exchanged, old[j]! + 1, row[j - 1]! + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j]!, older[j - 2]! + 1);
    }
    [older, old] = [old, row];
  }
  return old[b.length]!;
}

/** How many wrong letters a word may have: short words are too near to one another. */
const slack = (word: string): number => (word.length >= 8 ? 2 : word.length >= 6 ? 1 : 0);

const isNearOneOf = (list: readonly string[], word: string): boolean =>
  list.some((known) => editDistance(word, known, slack(known)) <= slack(known));

const wordsOf = (text: string): string[] => words(text.toLowerCase().replace(/[^a-z]+/g, " "));

function classify(heading: string): SectionKind {
  const parts = wordsOf(heading);
  const has = (list: readonly string[]) => parts.some((word) => isNearOneOf(list, word));
  const isView = parts.some((word) => VIEW.includes(word));
  if (parts.length > 0 && isNearOneOf(REQUEST, parts[0]!)) return "request";
  if (has(FINDINGS)) return "findings";
  if (has(IMPRESSION)) return "impression";
  if (has(CLOSING)) return "closing";
  if (has(REQUEST) || has(TECHNIQUE) || (has(EXAMINATION) && !isView)) return "request";
  return isView ? "view" : "other";
}

const KINDS = new Map<string, SectionKind>();

/** What a heading announces, misspelt or not. A corpus repeats its headings: each is looked at once. */
function kindOf(heading: string): SectionKind {
  const kind = KINDS.get(heading) ?? classify(heading);
  KINDS.set(heading, kind);
  return kind;
}

const NAMES_OF_VIEWS = new Set([...VIEW, ...FILLERS, ...EXAMINATION]);

/** Up to a colon that stands in no time of day ("8:05"). */
const HEADING = /^[ \t]*([A-Za-z](?:[\w /,()&#.'-]|(?<=\d):(?=\d\d)){1,70}):(?!(?<=\d:)\d\d)/;
/** Headings that are sure enough to be found without a colon, before another mark, or within a line. */
const BARE_HEADING = /^[ \t]*((?:FINDING|IMPRESSION|CONCLUSION)S?)(?:[ \t]*(?:[;.–—-]+[ \t]*|$)|[ \t]{2,}(?=\S))/;
/** Headings that are sure in small letters too, as copies of the reports have them. */
const SMALL_HEADING =
  /^(?:findings?|impressions?|conclusions?|indications?|comparisons?|technique|history|examination|findings and impression)$/;
const WITHIN_LINE = /(?<=[.)_][ \t]+)(?=(?:FINDING|IMPRESSION|CONCLUSION)S?:)/g;

/** Whether the words before a colon, and behind a line, are a heading: in capitals, or a known one whatever its letters. */
function isHeading(text: string, lineBefore: string): boolean {
  if (!/[a-z]/.test(text)) return text.replace(/[^A-Z]/g, "").length >= 3 || /^(AP|PA)\b/.test(text);
  if (!/^[A-Z]/.test(text)) return SMALL_HEADING.test(text);
  const [kind, parts] = [kindOf(text), wordsOf(text)];
  const opensParagraph = /(^|[.:])\s*$/.test(lineBefore);
  if (kind === "view") return opensParagraph && parts.every((word) => NAMES_OF_VIEWS.has(word));
  return kind !== "other" && (parts.length === 1 || (opensParagraph && parts.length <= 3));
}

/** The part of the file that the radiologist signed: a preliminary reading may stand before it. */
function finalReport(report: string): string {
  const title = /^[ \t]*FINAL REPORT[ \t]*:?[ \t]*$/gim;
  const last = [...report.matchAll(title)].at(-1);
  if (last === undefined) return report;
  const signed = report.slice(last.index + last[0].length);
  return signed.trim() === "" ? report : signed;
}

/** One form of line ends and blanks: old copies have others, which no heading is found behind. */
const plainLines = (report: string): string =>
  report.replace(/\r\n?|[\f\v\u0085\u2028\u2029]/g, "\n").replace(/[\u00a0\u2007\u202f\ufeff]/g, " ");

const tidy = (text: string): string => text.replace(/\s+/g, " ").trim();

/** The sections of a report, in order; of what stands before the first heading, too. */
export function splitReport(report: string): Section[] {
  const parts: { heading: string; lines: string[] }[] = [{ heading: "", lines: [] }];
  let lineBefore = "";
  for (const line of finalReport(plainLines(report)).replace(WITHIN_LINE, "\n").split("\n")) {
    const found = HEADING.exec(line) ?? BARE_HEADING.exec(line);
    const heading = found === null ? "" : found[1]!.trim();
    if (found !== null && isHeading(heading, lineBefore)) parts.push({ heading, lines: [line.slice(found[0].length)] });
    else parts.at(-1)!.lines.push(line);
    lineBefore = line;
  }
  return parts.map(({ heading, lines }) => {
    const paragraphs = lines.join("\n").split(/\n[ \t]*\n/);
    const kind = heading === "" ? "other" : kindOf(heading);
    return { heading, kind, paragraphs: paragraphs.map(tidy).filter((text) => text !== "") };
  });
}

/** How a sentence begins that is about the report and not about the picture. */
const ABOUT_THE_REPORT =
  /^(this (report|study) was|(electronically )?(signed|approved|dictated|transcribed|reviewed|interpreted|verified|edited|finalized)\b|dr\b|(the |these |above |critical |preliminary )*(findings?|results?|report|impression|case|study|images?|referring|attending|ordering|primary|clinical|medical|icu|ed|team|physician|nurse|wet read)\b.{0,60}\b(communicated|discussed|conveyed|telephoned|phoned|paged|notified|informed|reviewed|relayed|called|e-?mailed|told)\b|(was |were )?(discussed|communicated|reviewed|notified|telephoned) (with|to|by)\b|(notification|telephone|page|phone call)\b|at the time of (discovery|dictation|interpretation|review)|(i|we),? .{0,60}(reviewed|agree)|as (a|the) (teaching|attending)|_+$|end of (report|impression))/i;

function isAboutTheReport(paragraph: string): boolean {
  const plain = paragraph.replace(/(^|\s)\(?\d{1,2}[.)](?=\s)/g, "$1"); // items of a list are numbered
  const sentences = plain.replace(/\b(Drs?|Mr|Mrs|Ms|M\.D|a\.m|p\.m|No)\./gi, "$1").split(/(?<=[.!?])\s+/);
  return sentences.every((sentence) => ABOUT_THE_REPORT.test(sentence.trim()));
}

/** Whether a paragraph is running text rather than a title, a date or a name. */
const isProse = (paragraph: string): boolean => (paragraph.match(/\b[a-z]{2,}\b/g) ?? []).length >= 3;

/** Whether what stands under the name of a view is a reading and not more of the name. */
const isReading = (paragraph: string): boolean =>
  (isProse(paragraph) || /[.!?]$/.test(paragraph)) && wordsOf(paragraph).some((word) => !NAMES_OF_VIEWS.has(word));

/** Who the patient is and why the picture was taken. */
const ABOUT_THE_REQUEST =
  /\b(year|yr|month|week|day)s?[- ]old\b|\b\d+ ?y\/?o\b|^(evaluate|eval|assess|r\/o|rule out|please|\?)/i;

const isNarrative = (paragraph: string): boolean =>
  isProse(paragraph) && !isAboutTheReport(paragraph) && !ABOUT_THE_REQUEST.test(paragraph);

/** A heading that names a part of the body or what lies in it: however few the words below, they are about the picture. */
const ABOUT_THE_BODY =
  /^[^:]*\b(lungs?|pleura\w*|heart|cardi\w+|mediastin\w+|hil[aui]\w*|aorta|vascul\w+|diaphragms?|bon(es?|y)|osseous|skelet\w+|ribs?|spine|soft tissues?|abdom\w+|airways?|trachea|lines|tubes|catheters?|devices?)\b[^:]*:/i;

/** By which rule a report's text was found, the surest first. */
export const REPORT_RULES = [
  "findings and impression",
  "findings alone",
  "views and impression",
  "views alone",
  "impression and paragraphs without a heading",
  "impression alone",
  "other headings",
  "paragraphs without a heading",
  "nothing found",
] as const;
export type ReportRule = (typeof REPORT_RULES)[number];

/** What a report says about the picture, and how that was found. */
export interface ReportText {
  /** Findings, then impression; empty when nothing is found. */
  readonly text: string;
  readonly rule: ReportRule;
}

/** The parts of a report that may be about the picture. */
interface Readings {
  readonly findings: readonly string[];
  readonly views: readonly string[];
  readonly impression: readonly string[];
  /** Under headings that nobody knows. */
  readonly others: readonly string[];
  /** Behind what a heading announces, or before any. */
  readonly free: readonly string[];
}

/** A heading within the findings ("LUNGS:") is a part of them. */
const withHeading = ({ heading, paragraphs }: Section): string[] =>
  paragraphs.map((text, i) => (i === 0 ? `${heading}: ${text}` : text));

function collect(sections: readonly Section[]): Readings {
  const readings = { findings: [], views: [], impression: [], others: [], free: [] } as Record<
    keyof Readings,
    string[]
  >;
  const partOf = { findings: readings.findings, impression: readings.impression, view: readings.views } as const;
  let open: string[] | null = null; // the part that an unknown heading goes on with
  for (const section of sections) {
    const kept = section.paragraphs.filter((text) => !isAboutTheReport(text));
    if (section.heading === "") readings.free.push(...kept.filter(isNarrative));
    else if (section.kind === "other") (open ?? readings.others).push(...withHeading({ ...section, paragraphs: kept }));
    else if (section.kind === "request" || section.kind === "closing") open = null;
    else {
      open = partOf[section.kind];
      open.push(...(section.kind === "view" ? kept.filter(isReading) : kept));
    }
    if (section.kind === "request") readings.free.push(...section.paragraphs.slice(1).filter(isNarrative));
  }
  return readings;
}

/**
 * What a report says about the picture: its findings (all sections of them, those that are named after a view too), then its
 * impression. A report without either gives what stands under other headings that are not administrative, and its running text.
 */
export function readReport(report: string): ReportText {
  const { findings, views, impression, others, free } = collect(splitReport(report));
  const of = (rule: ReportRule, ...parts: readonly (readonly string[])[]): ReportText => {
    return { text: parts.flat().join(" "), rule };
  };
  const concludes = impression.length > 0;
  if (findings.length > 0) {
    return of(concludes ? "findings and impression" : "findings alone", findings, views, impression);
  }
  if (views.length > 0) return of(concludes ? "views and impression" : "views alone", views, free, impression);
  if (concludes && free.length > 0) return of("impression and paragraphs without a heading", free, impression);
  if (concludes) return of("impression alone", impression);
  const headed = others.filter((text) => isNarrative(text) || ABOUT_THE_BODY.test(text));
  if (headed.length > 0) return of("other headings", headed, free);
  return free.length > 0 ? of("paragraphs without a heading", free) : of("nothing found");
}
