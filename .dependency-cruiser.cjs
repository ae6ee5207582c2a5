/** The import rules of docs/architecture.md: a room imports from rooms above it only. */
const { ROOMS } = require("./kernel-lib/shape/rooms.cjs");

const room = (names) => `(^|/)kernel-lib/src/(${names.join("|")})/`;

const upward = ROOMS.slice(0, -1).map((name, position) => ({
  name: `no-upward-import-from-${name}`,
  severity: "error",
  comment: `${name} may import from ${ROOMS.slice(0, position + 1).join(", ")} only`,
  from: { path: room([name]) },
  to: { path: room(ROOMS.slice(position + 1)) },
}));

module.exports = {
  forbidden: [
    ...upward,
    { name: "no-cycle", severity: "error", from: {}, to: { circular: true } },
    {
      name: "known-rooms",
      severity: "error",
      comment: "a new room needs its place in ROOMS and in docs/architecture.md",
      from: { path: "(^|/)kernel-lib/src/[^/]+/", pathNot: room(ROOMS) },
      to: {},
    },
    {
      name: "no-index-inside",
      severity: "error",
      comment: "index.ts is for users; the rooms import each other's files",
      from: { path: "(^|/)kernel-lib/src/[^/]+/" },
      to: { path: "kernel-lib/src/(index|[a-z]+/index)\\.ts$" },
    },
    {
      name: "figures-only-draw",
      severity: "error",
      comment: "a figure draws a table: no model, no data, no training, no experiment, and no interval of its own",
      from: { path: room(["figures"]) },
      to: { path: `${room(["models", "data", "phantoms", "retriever", "reader", "training", "experiments"])}|metrics/bootstrap` },
    },
    {
      name: "only-notebook-knows-tslab",
      severity: "error",
      from: { path: "(^|/)kernel-lib/src/", pathNot: room(["notebook"]) },
      to: { path: "(^tslab($|/)|node_modules/tslab/)" },
    },
    {
      name: "resolvable",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, path: "^\\." },
    },
  ],
  options: {
    parser: "swc",
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: { extensions: [".ts", ".js", ".json", ".d.ts"] },
  },
};
