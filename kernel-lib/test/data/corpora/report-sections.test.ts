import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ReportRule, readReport, splitReport } from "../../../src/data/corpora/report-sections";
import { loadCorpus } from "../../../src/phantoms/load-corpus";

const textOf = (report: string) => readReport(report).text;

describe("splitReport", () => {
  it("names every section and its kind, in order", () => {
    const report =
      "FINAL REPORT\n EXAMINATION:  CHEST\n\n INDICATION: fall, 8:05\n\n AP CHEST, 8:05 AM: \n Clear.\n\n FINDINGS: none.\n\n LUNGS:\n ok\n\n IMPRESSION: Normal.\n\n NOTIFICATION: no.\n";
    expect(splitReport(report).map(({ heading, kind }) => [heading, kind])).toEqual([
      ["", "other"],
      ["EXAMINATION", "request"],
      ["INDICATION", "request"],
      ["AP CHEST, 8:05 AM", "view"],
      ["FINDINGS", "findings"],
      ["LUNGS", "other"],
      ["IMPRESSION", "impression"],
      ["NOTIFICATION", "closing"],
    ]);
  });

  it.each([
    ["findings", "FINDINGS Finding FINDNGS FINIDINGS FIDNINGS FINDGINS FINDINGD FINDINS FIDINGS INDINGS"],
    [
      "impression",
      "IMPRESSION IMPRESSON IMPRESSIONS IMPPRESSION IMRPESSION IMPESSION MPRESSION INPRESSION IMPRSSION Conclusion CONCLUSIONS",
    ],
    ["request", "INDICATION INDICATON COMPARISON COMPARSION TECHNIQUE TECHNQIUE HISTORY HISOTRY EXAMINATION EXAM"],
    ["closing", "RECOMMENDATION RECOMMENDATIONS RECOMENDATION NOTIFICATION NOTIFICATON"],
  ])("knows headings of %s, misspelt too", (kind, headings) => {
    for (const heading of headings.split(" ")) {
      expect(splitReport(`${heading}: x\n`).map((section) => [section.heading, section.kind])[1]).toEqual([
        heading,
        kind,
      ]);
    }
  });

  it.each([
    [
      "view",
      [
        "CHEST, TWO VIEWS",
        "PORTABLE CHEST",
        "PA AND LATERAL CHEST",
        "CHEST RADIOGRAPH",
        "SINGLE AP PORTABLE CHEST EXAMINATION",
        "CHEST (PORTABLE AP)",
        "SUPINE FILM AT 10:00",
        "Portable chest",
      ],
    ],
    [
      "request",
      [
        "REASON FOR EXAM",
        "REASON FOR EXAMINATION",
        "CLINICAL HISTORY",
        "CLINICAL IMPRESSION",
        "TYPE OF EXAMINATION",
        "CHEST X-RAY INDICATION",
      ],
    ],
    ["findings", ["COMPARISON/FINDINGS", "FINDINGS AND IMPRESSION", "CHEST FINDINGS"]],
    ["other", ["LUNGS", "TUBES AND LINES", "COMMENT"]],
  ] as const)("knows headings of several words: %s", (kind, headings) => {
    for (const heading of headings) {
      expect(splitReport(`\n ${heading}: x\n`).map((section) => [section.heading, section.kind])[1]).toEqual([
        heading,
        kind,
      ]);
    }
  });

  it("takes no sentence and no time of day for a heading", () => {
    const report =
      "IMPRESSION:\n \n AP chest compared to ___:\n \n The tube\n ends here: good.\n At 8:05 the line\n Lungs are as before: clear.\n";
    expect(splitReport(report).map(({ heading }) => heading)).toEqual(["", "IMPRESSION"]);
  });
});

describe("readReport", () => {
  it.each<[string, string, ReportRule]>([
    [
      "FINDINGS: \n \n Lungs are\n clear: no effusion.\n \n IMPRESSION: \n \n Normal.\n",
      "Lungs are clear: no effusion. Normal.",
      "findings and impression",
    ],
    [
      "FINDINGS:\n\nThe heart is large.\n\nA second paragraph.\n",
      "The heart is large. A second paragraph.",
      "findings alone",
    ],
    [
      "FINDINGS: A first one.\n\nFINDINGS: A second one.\n\nIMPRESSION:\n\nA.\n\nIMPRESSION:\n\nB.\n",
      "A first one. A second one. A. B.",
      "findings and impression",
    ],
    [
      "FINDINGS:\n\nLUNGS: Clear.\n\nHEART: Large.\n\nIMPRESSION: Large heart.",
      "LUNGS: Clear. HEART: Large. Large heart.",
      "findings and impression",
    ],
    [
      "INDICATION: Fall.  FINDINGS: No fracture.  IMPRESSION: Normal.",
      "No fracture. Normal.",
      "findings and impression",
    ],
    ["INDICATION: cough\n\n PA AND LATERAL: The heart is\n small.\n", "The heart is small.", "views alone"],
    ["PORTABLE CHEST: No change.\n\nIMPRESSION: As above.\n", "No change. As above.", "views and impression"],
    [
      "FINDINGS:\n\nCHEST, PA AND LATERAL: A nodule on the left.\n\nIMPRESSION:\n\nAs above.\n",
      "A nodule on the left. As above.",
      "views and impression",
    ],
    [
      "CHEST RADIOGRAPH: PA and lateral views.\n\nCOMPARISON: None.\n\nThe lungs are clear.\n",
      "The lungs are clear.",
      "paragraphs without a heading",
    ],
    [
      "COMPARISON: None.\n\nThe left lung holds a nodule.\n\nIMPRESSION: See above.\n",
      "The left lung holds a nodule. See above.",
      "impression and paragraphs without a heading",
    ],
    ["HISTORY: 70 year old with cough.\n\nIMPRESSION: Pneumonia.\n", "Pneumonia.", "impression alone"],
    [
      "FINAL REPORT\nPA AND LATERAL CHEST\n\nThe lungs are clear.\n\nThe heart is not large.\n\nDictated by the resident.\n",
      "The lungs are clear. The heart is not large.",
      "paragraphs without a heading",
    ],
    [
      "CHEST TUBES: both tubes end at the apex.\n\nATTENDING: the doctor on duty was there.\n",
      "both tubes end at the apex.",
      "views alone",
    ],
    [
      "LUNGS: both of them are clear.\n\nRECOMMENDATION(S): repeat in six weeks.\n",
      "LUNGS: both of them are clear.",
      "other headings",
    ],
    ["INDICATION: cough\n\nNOTIFICATION: The team was told by telephone.\n", "", "nothing found"],
    [" \n", "", "nothing found"],
  ])("of %j is %j", (report, text, rule) => {
    expect(readReport(report)).toEqual({ text, rule });
  });

  it("leaves out who was told and who signed, not a finding that was told", () => {
    const told =
      "IMPRESSION:\n\nPneumothorax.\n\nFindings were discussed with Dr. ___ by telephone at 3 p.m.\n\nDictated by the resident.\n";
    expect(textOf(told)).toBe("Pneumothorax.");
    const both = "IMPRESSION: A large pneumothorax, discussed with Dr. ___ by telephone.\n";
    expect(textOf(both)).toBe("A large pneumothorax, discussed with Dr. ___ by telephone.");
  });

  it("prefers the signed report to the preliminary reading above it", () => {
    const report =
      " WET READ: someone at night\n  No pneumothorax seen.\n____\n FINAL REPORT\n FINDINGS: A small pneumothorax.\n";
    expect(textOf(report)).toBe("A small pneumothorax.");
  });

  it.each([
    "FINDINGS; The heart is large.\n\nIMPRESSION; Large heart.",
    "FINDINGS - The heart is large.\n\nIMPRESSION- Large heart.",
    "FINDINGS. The heart is large.\n\nIMPRESSION.\n\nLarge heart.",
    "examination: chest\nfindings: the heart is large.\nimpression: large heart.",
    "\u00a0FINDINGS: The heart is large.\r\r\u00a0IMPRESSION: Large heart.\r",
    "FINDINGS: The heart is large.\f\n\u202fIMPRESSION: Large heart.",
  ])("finds both parts of %j", (report) => {
    expect(readReport(report).rule).toBe("findings and impression");
    expect(textOf(report)).toMatch(/^the heart is large\. large heart\.$/i);
  });

  it("leaves out an item of a list that says who was told, and keeps its neighbours", () => {
    const listed =
      "IMPRESSION:\n\n 1. Pneumothorax.\n\n 2. Findings discussed with Dr. ___ at 3 p.m.\n\n (3) A line.\n";
    expect(textOf(listed)).toBe("1. Pneumothorax. (3) A line.");
  });

  it("reads Windows line ends and headings in small letters", () => {
    expect(textOf("Indication: cough\r\n\r\nFindings: The heart is large.\r\n\r\nImpression: Large heart.\r\n")).toBe(
      "The heart is large. Large heart.",
    );
  });
});

describe("a corpus of reports", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "reports-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("says in its card which share was read by which rule, kept or not", async () => {
    const root = join(folder, "mimic-cxr/files/p10/p10000001");
    const reports = [
      "FINDINGS: The heart is large.\n",
      "FINDINGS: A nodule.\n",
      "AP CHEST: No change.\n",
      "NOTIFICATION: none.\n",
    ];
    for (const [i, report] of reports.entries()) {
      mkdirSync(join(root, `s5000000${i}`), { recursive: true });
      const create = { width: 32, height: 32, channels: 3 as const, background: { r: 60 * i, g: 9, b: 9 } };
      await sharp({ create })
        .jpeg()
        .toFile(join(root, `s5000000${i}/a.jpg`));
      writeFileSync(join(root, `s5000000${i}.txt`), report);
    }
    const options = { dataDir: folder, maxBrokenShare: 0.5, cacheDir: join(folder, "cache") };
    for (const corpus of [await loadCorpus("mimic-cxr", options), await loadCorpus("mimic-cxr", options)]) {
      expect(corpus.passages.map(({ text }) => text)).toEqual(["The heart is large.", "A nodule.", "No change."]);
      expect(corpus.card.description).toMatch(
        /3 pairs\. reports by rule: findings alone 50\.0 % \(2 of 4\), views alone 25\.0 % \(1 of 4\), nothing found 25\.0 % \(1 of 4\)\.$/,
      );
    }
  });
});

describe("a report of few words", () => {
  it.each([
    [
      " LINES AND TUBES:  Tube in the trachea.\n \n LUNGS:  Edema.\n",
      "LINES AND TUBES: Tube in the trachea. LUNGS: Edema.",
    ],
    [" EXAM:  CXR\n RESULTS:  Cardiomegaly.\n", "Cardiomegaly."],
    [" HISTORY  Cough.\n \n FINDINGS  Nodule.\n \n IMPRESSION  One nodule.\n", "Nodule. One nodule."],
    [" LOCATION:  Ward 3.\n", ""],
  ])("keeps what is about the picture: %j", (report, text) => {
    expect(textOf(` FINAL REPORT\n${report}`)).toBe(text);
  });
});
