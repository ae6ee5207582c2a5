import { describe, expect, it } from "vitest";
import { createRelativeFinder, entityNames, entityNamesIn, entityText } from "../../src/data/entities";

describe("entityText", () => {
  it("is the text of a text or a whole number, and null where nothing is known", () => {
    expect([" 0100 ", 100, 0, 10n, "a 7"].map((value) => entityText(value, "patient"))).toEqual(
      ["0100", "100", "0", "10", "a 7"], // spelling is for entityNames
    );
    const unknown = ["nan", "N/A", "#N/A", "N.A.", "<NA>", "NaT", "None", "-", "___", ".", "missing", "unknown"];
    for (const value of [undefined, null, "", " ", "\u0000", "\u200b", ...unknown]) {
      expect(entityText(value, "patient")).toBeNull();
    }
  });

  it.each([
    [true, "boolean"],
    [[7], "a list"],
    [{ id: 7 }, "object"],
    [1.5, "1.5"],
    [-1, "-1"],
    ["-1", "-1"],
    [" -1.0", "-1.0"],
    [2 ** 60, "1152921504606847000, which lost digits: write it as text"],
    ["1.05E+07", "1.05E+07, which lost digits: write it in full"],
  ])("refuses %j", (value, got) => {
    expect(() => entityText(value, "patient")).toThrow(`patient must be a text or a whole number; got ${got}`);
  });
});

describe("entityNames", () => {
  it.each([
    [
      "patient-100",
      [
        "100",
        "0100",
        "100.0",
        " 100 ",
        "patient-100",
        "Patient_0100",
        "patient id: 100",
        "sub-0100",
        "P100",
        "brset/100",
        "Pt. 100",
        "Patient No. 100",
        "patient number 100",
        "patient=100",
        "MRN 0100",
        "mrn-100",
        "participant_100",
        "'0100",
        '"100"',
        '="0100"',
        "100\u0000",
        "\u200b100\ufeff",
        "sub-100_ses-01",
        "data/sub-0100/anat/sub-0100_T1w.png",
      ],
    ],
    ["patient-10000032", ["10000032", "p10000032", "mimic-cxr/p10000032", "p10/p10000032", "files/p10/p10000032/"]],
    ["patient-ab12", ["AB-12", "ab 012", "patient ab_12", "ＡＢ-12"]],
    ["patient-noah", ["Noah", "pat-noah", "patient: noah"]],
    ["patient-3f25-4f89", ["3F25-4F89", "{3f25-4f89}", "[3F25-4F89]"]],
  ])("is %s for every spelling of a patient", (name, spellings) => {
    for (const spelling of spellings) expect([spelling, entityNames(spelling, "patient")]).toEqual([spelling, [name]]);
  });

  it.each([
    [
      "article-212319",
      ["PMC212319", "pmc0212319", "212319", "PMC212319_Fig3_4.jpg", "PMCID: PMC212319", "PMC212319.1"],
    ],
    [
      "article-212319",
      ["https://www.ncbi.nlm.nih.gov/pmc/articles/PMC212319/", "https://europepmc.org/article/PMC/212319"],
    ],
    ["article-pmid212319", ["https://pubmed.ncbi.nlm.nih.gov/212319/", "PMID: 212319", "pmid212319"]],
    ["article-10.1186/s1-a", ["10.1186/S1-a", "https://doi.org/10.1186/s1-a", "doi:10.1186%2Fs1-a", "10.1186/s1-a."]],
  ])("is %s for every address of an article", (name, spellings) => {
    for (const spelling of spellings) expect([spelling, entityNames(spelling, "article")]).toEqual([spelling, [name]]);
  });

  it("is its own one name, and names everything that a path names", () => {
    for (const name of [
      "patient-100",
      "case-mpx1024",
      "article-pmid7",
      "image-synpic54610",
      "article-10.1186/x",
      "study-50414267",
    ]) {
      expect(entityNames(name)).toEqual([name]);
    }
    expect(entityNames("p10/p10000032/s50414267")).toEqual(["patient-10000032", "study-50414267"]);
    expect(entityNames("https://medpix.nlm.nih.gov/case?id=48e1dd0e-8552-46ad")).toEqual(["case-48e1dd0e-8552-46ad"]);
    expect(entityNames("MPX1024")).toEqual(["case-mpx1024"]);
    expect(entityNames("007")).toEqual(["7"]);
    expect(entityNames("Patient: Noah")).toEqual(["patient-noah"]);
    expect(entityNames("case-reports/77")).toEqual(["77"]);
  });

  it("takes from a path only what its form gives away", () => {
    expect(entityNamesIn("images/MPX1024_synpic40275.jpg")).toEqual(["case-mpx1024", "image-synpic40275"]);
    expect(entityNamesIn("images/p12.png")).toEqual([]);
    expect(entityNamesIn("xmlab1/source.jpg")).toEqual([]);
    expect(entityNamesIn("sub-figures/a.png")).toEqual([]);
    expect(entityNamesIn("sub-07/ses-01/a.png")).toEqual(["patient-7"]);
  });
});

describe("createRelativeFinder", () => {
  const finder = createRelativeFinder([
    { id: "a", group: "patient-100" },
    { id: "b", group: "image-0f3a", entities: ["case-mpx7"] },
    { id: "c", group: "55" },
  ]);

  it("finds what has the same name, or the same id where one of the two says no kind", () => {
    expect(finder.find({ group: "0100" })).toEqual({ id: "a", entity: "100" });
    expect(finder.find({ group: "p-100" })).toEqual({ id: "a", entity: "patient-100" });
    expect(finder.find({ entities: ["article-9", "case-mpx7"] })).toEqual({ id: "b", entity: "case-mpx7" });
    expect(finder.find({ entities: ["study-55"] })).toEqual({ id: "c", entity: "study-55" });
  });

  it("finds nothing in another kind, in nothing, and in what is not known", () => {
    expect(finder.find({ entities: ["article-100"] })).toBeNull();
    expect(finder.find({})).toBeNull();
    expect(createRelativeFinder([{ id: "a", group: "unknown" }]).find({ group: "unknown" })).toBeNull();
  });
});
