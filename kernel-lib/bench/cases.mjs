import { openClip } from "./cases/clip.mjs";
import { openDecoder, openMatmul } from "./cases/decoder.mjs";
import { openCorpora, openIndexCases } from "./cases/index.mjs";
import { openGeneration, openScoring, openTraining } from "./cases/reader.mjs";
import { openKernelStart, openStart } from "./cases/start.mjs";

/** Opened at its first use: drawing 100,000 rows takes seconds. */
function once(open) {
  let opened = null;
  return () => {
    opened ??= open();
    return opened;
  };
}

/** Everything that is measured beside the timed cases. */
export const EXTRAS = ["memory", "growth", "profile"];

/** The cases whose time is broken down by kernel. */
export const PROFILED = ["decoder", "lora", "clip"];

/** All timed cases, in the order they are run; each is opened when its turn comes. */
export function listCases() {
  const corpora = once(openCorpora);
  const { openBuild, openSearch, openExact } = openIndexCases(corpora);
  const cases = [
    { key: "decoder", open: () => openDecoder() },
    { key: "matmul", open: openMatmul },
    { key: "lora", open: () => openTraining("lora") },
    { key: "full", open: () => openTraining("full") },
    { key: "score", open: openScoring },
    { key: "generate", open: openGeneration },
    { key: "clip", open: openClip },
    { key: "hnsw_build", open: openBuild },
    { key: "hnsw_search", open: openSearch },
    { key: "exact_search", open: openExact },
    { key: "start", open: openStart },
    { key: "kernel", open: openKernelStart },
  ];
  return { cases, corpora };
}
