import { f32, from } from "../library.mjs";

const { createRandom } = from("base/random");
const { createFlatIndex } = from("search/flat-index");
const { createHnswIndex } = from("search/hnsw-index");

/** Rows gather around centres, as embeddings do; every side must find this share of the true ten best. */
const SHAPE = { points: 100_000, queries: 1000, dimension: 64, centres: 200 };
const GRAPH = { m: 16, efConstruction: 200 };
const RECALL = 0.95;
const WIDTHS = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024];

/** Rows of length 1, the corpus first and the queries behind it. */
function drawRows({ points, queries, dimension, centres }) {
  const random = createRandom("bench index");
  const middle = Array.from({ length: centres }, () => Array.from({ length: dimension }, () => random.normal()));
  const data = new Float32Array((points + queries) * dimension);
  for (let row = 0; row < points + queries; row++) {
    const values = random.pick(middle).map((value) => value + random.normal(0, 0.7));
    const length = Math.hypot(...values);
    for (const [i, value] of values.entries()) data[row * dimension + i] = value / length;
  }
  return data;
}

/** Corpora of several sizes, the largest drawn once; graphs are kept by size, so that one build serves several cases. */
export function openCorpora() {
  const { points, queries, dimension } = SHAPE;
  const data = drawRows(SHAPE);
  const matrix = (rows, from = 0) => ({
    data: data.subarray(from * dimension, (from + rows) * dimension),
    rows,
    cols: dimension,
  });
  const ids = (count) => Array.from({ length: count }, (_, i) => `p${i}`);
  const graphs = new Map();
  const questions = matrix(queries, points);
  const flat = (rows) => createFlatIndex(ids(rows), matrix(rows));
  return {
    data,
    questions,
    flat,
    build: async (rows) => {
      const start = performance.now();
      const graph = await createHnswIndex(ids(rows), matrix(rows), GRAPH);
      graphs.set(rows, { graph, seconds: (performance.now() - start) / 1000 });
      return rows;
    },
    /** {graph, seconds of its build}, or undefined. */
    built: (rows) => graphs.get(rows),
  };
}

/** The smallest search width that finds enough: {ef, recall}. */
async function enoughFor(graph, questions, truth) {
  let found = null;
  for (const ef of WIDTHS) {
    graph.setEf(ef);
    const hits = await graph.search(questions, 10);
    const shares = hits.map(({ positions }, q) => positions.filter((p) => truth[q].includes(p)).length / 10);
    found = { ef, recall: shares.reduce((sum, share) => sum + share, 0) / shares.length };
    if (found.recall >= RECALL) return found;
  }
  throw new Error(`bench: the graph must reach recall ${RECALL}; got ${found.recall} at ef ${found.ef}.`);
}

/** What the index cases hand to the peers, with the true ten best; made once. */
export function openIndexCases(corpora) {
  const { points, queries, dimension } = SHAPE;
  let truth = null;
  const judge = async () => {
    truth ??= (await corpora().flat(points).search(corpora().questions, 10)).map(({ positions }) => positions);
    return truth;
  };
  const settings = { ...GRAPH, points, widths: WIDTHS, recall: RECALL };
  const inputs = async () => ({
    data: f32([points + queries, dimension], corpora().data),
    truth: f32([queries, 10], (await judge()).flat()),
  });
  const openBuild = async () => ({
    name: `HNSW build, ${points.toLocaleString("en-US")} x ${dimension}`,
    run: () => corpora().build(points),
    peers: { hnswlib: { case: "hnswlib_build", ...settings }, faiss: { case: "faiss_build", ...settings } },
    tensors: await inputs(),
    warm: "no",
    pairs: 3,
  });
  const openSearch = async () => {
    if (corpora().built(points) === undefined) await corpora().build(points);
    const { graph } = corpora().built(points);
    const found = await enoughFor(graph, corpora().questions, await judge());
    graph.setEf(found.ef);
    return {
      name: `HNSW search, ${queries.toLocaleString("en-US")} queries, recall@10 >= ${RECALL}`,
      run: async () => (await graph.search(corpora().questions, 10)).length,
      peers: { hnswlib: { case: "hnswlib_search", ...settings }, faiss: { case: "faiss_search", ...settings } },
      tensors: await inputs(),
      about: () => found,
    };
  };
  const openExact = async () => {
    const exact = corpora().flat(points);
    return {
      name: `exact search, ${queries.toLocaleString("en-US")} queries, ${points.toLocaleString("en-US")} x ${dimension}`,
      run: async () => (await exact.search(corpora().questions, 10)).length,
      peers: { faiss: { case: "faiss_exact", ...settings } },
      tensors: await inputs(),
    };
  };
  return { openBuild, openSearch, openExact };
}
