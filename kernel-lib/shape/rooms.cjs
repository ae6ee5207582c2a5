/**
 * The rooms of kernel-lib/src, in import order: a room imports from those above it only. Everything that needs this list asks
 * here: the import rules, the picture and the table of docs/architecture.md, and `npm run shape`.
 */
exports.FLOORS = [
  {
    floor: "ground",
    rooms: [
      { name: "base", holds: "errors, checks, seeded random numbers, the nouns everyone shares" },
      { name: "store", holds: "everything that keeps files: keys, locks, atomic publishing, manifests, pruning" },
      { name: "hub", holds: "models and publications from outside: download, resume, digests, addresses" },
      { name: "compute", holds: "the backend, operations with hand-written gradients, AdamW, safetensors" },
    ],
  },
  {
    floor: "models and data",
    rooms: [
      { name: "models", holds: "layers, LoRA, CLIP, Jina-CLIP, open_clip, Qwen2-VL, Pixtral" },
      { name: "data", holds: "formats, the eight tasks, the three corpora, leaks; nothing that is drawn" },
      { name: "phantoms", holds: "worlds, tasks and corpora drawn from a seed, in the publishers' formats" },
    ],
  },
  {
    floor: "the method",
    rooms: [
      { name: "search", holds: "exact and HNSW indexes behind one interface" },
      { name: "retriever", holds: "the two heads, the mix of learned and frozen queries, retrieval" },
      { name: "reader", holds: "the prompt, the local and the served reader, the score cache" },
      { name: "losses", holds: "one object a loss: what it needs, its options, how it is evaluated" },
      { name: "training", holds: "the loop, the reader's stage, the retriever's stage, health" },
      { name: "replicas", holds: "recipes that make the toy checkpoints" },
    ],
  },
  {
    floor: "answers",
    rooms: [
      { name: "answers", holds: "one object a form of answer: parse, fuse, wording, score; the fusion" },
      { name: "metrics", holds: "accuracy, F1, recall, calibration, bootstrap, seeds" },
      { name: "systems", holds: "one table of systems: what each needs, changes and answers" },
    ],
  },
  {
    floor: "experiments",
    rooms: [
      { name: "analysis", holds: "rows with intervals: metrics of a task, inconsistency, oracle, agreement" },
      { name: "experiments", holds: "runs, stages as values, the grid that shares and resumes them" },
    ],
  },
  {
    floor: "what is seen",
    rooms: [
      { name: "frames", holds: "Arquero tables with documented columns" },
      { name: "figures", holds: "a table and options become a Plotly figure; theme, export, gallery" },
      { name: "kernel", holds: "the TypeScript kernel: protocol, cells, compiler, types; and the client that runs notebooks" },
      { name: "notebook", holds: "what a cell sees: show, progress, interrupt; the runner" },
      { name: "cli", holds: "one file a command of package.json" },
    ],
  },
];

exports.ROOMS = exports.FLOORS.flatMap(({ rooms }) => rooms.map(({ name }) => name));
