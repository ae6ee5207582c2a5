import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { cruise } from "dependency-cruiser";

const ROOT = resolve(import.meta.dirname, "../..");
const SOURCE = "kernel-lib/src";
const { ROOMS } = createRequire(import.meta.url)("./rooms.cjs");

/** @returns {{ path: string, room: string, folder: string, lines: number }[]} files of a library, paths below its source folder. */
export function listFiles(root = ROOT) {
  return readdirSync(join(root, SOURCE), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => {
      const parts = path.split("/");
      const lines = readFileSync(join(root, SOURCE, path), "utf8").split("\n").length - 1;
      return { path, room: parts.length > 1 ? parts[0] : "", folder: parts.slice(0, -1).join("/"), lines };
    });
}

/** @returns {Promise<{ from: string, to: string }[]>} imports between files, types included; paths below the source folder. */
export async function listImports(root = ROOT) {
  const { output } = await cruise([SOURCE], {
    baseDir: root,
    parser: "swc",
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: { extensions: [".ts", ".js", ".json"] },
  });
  const below = (path) => (path.startsWith(`${SOURCE}/`) ? path.slice(SOURCE.length + 1) : null);
  return output.modules.flatMap(({ source, dependencies }) =>
    dependencies.flatMap(({ resolved }) => {
      const [from, to] = [below(source), below(resolved)];
      return from === null || to === null ? [] : [{ from, to }];
    }),
  );
}

/** The rooms that each room imports from, in the rooms' order. */
export function roomImports(imports) {
  const roomOf = (path) => path.split("/")[0];
  return new Map(
    ROOMS.map((room) => {
      const targets = new Set(imports.filter(({ from }) => roomOf(from) === room).map(({ to }) => roomOf(to)));
      return [room, ROOMS.filter((other) => other !== room && targets.has(other))];
    }),
  );
}

/**
 * Pairs of folders beside each other in one room that import each other: "a <-> b". A room's own files, which lie in no folder of
 * it, count as no folder: they may hold what its folders share and a table that lists them.
 */
export function findCircles(imports) {
  const seen = new Set();
  const circles = new Set();
  for (const { from, to } of imports) {
    const [a, b] = parted(from, to);
    if (a === null) continue;
    seen.add(`${a} ${b}`);
    if (seen.has(`${b} ${a}`)) circles.add([a, b].sort().join(" <-> "));
  }
  return [...circles].sort();
}

/** The two folders in which the paths part, or null where one of them is a plain file there, or they part at the rooms. */
function parted(from, to) {
  const [left, right] = [from.split("/"), to.split("/")];
  let depth = 0;
  while (left[depth] === right[depth] && depth < Math.min(left.length, right.length) - 1) depth++;
  const isFolder = (parts) => depth < parts.length - 1;
  if (depth === 0 || !isFolder(left) || !isFolder(right)) return [null, null];
  return [left.slice(0, depth + 1).join("/"), right.slice(0, depth + 1).join("/")];
}

/** The middle one of some numbers; the upper of two. */
export function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}
