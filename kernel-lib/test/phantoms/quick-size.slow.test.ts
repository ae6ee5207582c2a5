import { expect, inject, test } from "vitest";
import { loadCorpus } from "../../src/phantoms/load-corpus";
import { loadTask } from "../../src/phantoms/load-task";

/** What the default seed draws; another hash needs another version. */
const TASKS = [
  "breast-mnist:phantom:v2:7:369beb172fe6728f",
  "derma-mnist:phantom:v3:7:d13007d5615cbc1c",
  "retina-mnist:phantom:v3:7:6cf65a9432175a24",
  "vindr-pcxr:phantom:v3:7:29c6cbaef8c65976",
  "brset:phantom:v3:7:946486381773647f",
  "vqa-rad:phantom:v3:7:c23233f233eb7179",
  "slake:phantom:v3:7:c86769c6fbcca4a7",
  "path-vqa:phantom:v3:7:4121d0814f1d3c23",
];
const CORPORA = [
  "corpus:pmc-oa:639217586c4930a53af0ffb9:phantom",
  "corpus:mimic-cxr:400b038adcef6a7408d0974a:phantom",
  "corpus:roco:005a46487514220bfd0b145e:phantom",
];

test("the eight quick tasks and three corpora are what they were", async () => {
  const cacheDir = inject("drawnFolder");
  for (const fingerprint of TASKS) {
    expect((await loadTask(fingerprint.split(":")[0]!, { cacheDir })).fingerprint).toBe(fingerprint);
  }
  for (const fingerprint of CORPORA) {
    expect((await loadCorpus(fingerprint.split(":")[1]!, { cacheDir })).fingerprint).toBe(fingerprint);
  }
});
