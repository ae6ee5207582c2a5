// npm run shape: how many files of what size each room has, what imports what, and whether the rules of the plan hold.
//   --write   draws docs/rooms.svg and writes the table of rooms into docs/architecture.md
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { drawRooms, roomsTable } from "./draw.mjs";
import { findCircles, listFiles, listImports, median, roomImports } from "./measure.mjs";

const ROOT = resolve(import.meta.dirname, "../..");
const { ROOMS } = createRequire(import.meta.url)("./rooms.cjs");
const PICTURE = "docs/rooms.svg";
const PAGE = "docs/architecture.md";
const TABLE = /(<!-- rooms: npm run shape -- --write -->\n)[\s\S]*?(\n<!-- \/rooms -->)/;
/** Longest file, and most files, of the plan. */
const LIMITS = { lines: 450, files: 430 };

function printRooms(files, imports) {
  const line = (cells) => {
    const [room, count, lines, middle, longest, from = ""] = cells.map(String);
    return `${room.padEnd(13)}${count.padStart(6)}${lines.padStart(8)}${middle.padStart(8)}${longest.padStart(9)}  ${from}`;
  };
  process.stdout.write(`${line(["room", "files", "lines", "median", "longest", "imports from"])}\n`);
  for (const room of ROOMS) {
    const sizes = files.filter((file) => file.room === room).map(({ lines }) => lines);
    const total = sizes.reduce((sum, lines) => sum + lines, 0);
    const cells = [room, sizes.length, total, median(sizes), Math.max(0, ...sizes), imports.get(room).join(" ")];
    process.stdout.write(`${line(cells)}\n`);
  }
}

/** What breaks the plan, a line each. */
function findFaults(files, imports) {
  const long = files.filter(({ path, lines }) => path !== "index.ts" && lines > LIMITS.lines);
  return [
    ...findCircles(imports).map((pair) => `folders import each other: ${pair}`),
    ...long.map(({ path, lines }) => `${path} has ${lines} lines; at most ${LIMITS.lines}`),
    ...(files.length > LIMITS.files ? [`${files.length} files; at most ${LIMITS.files}`] : []),
    ...files.filter(({ room }) => room !== "" && !ROOMS.includes(room)).map(({ path }) => `${path}: an unknown room`),
  ];
}

function writeDocs(imports) {
  writeFileSync(join(ROOT, PICTURE), drawRooms(imports));
  const page = readFileSync(join(ROOT, PAGE), "utf8");
  writeFileSync(
    join(ROOT, PAGE),
    page.replace(TABLE, (_, before, after) => before + roomsTable() + after),
  );
}

const files = listFiles();
const imports = await listImports();
const byRoom = roomImports(imports);
printRooms(files, byRoom);
const sizes = files.filter(({ path }) => path !== "index.ts").map(({ lines }) => lines);
process.stdout.write(`\n${files.length} files, median ${median(sizes)} lines, longest ${Math.max(...sizes)}\n`);
const faults = findFaults(files, imports);
for (const fault of faults) process.stdout.write(`broken: ${fault}\n`);
if (process.argv.includes("--write")) writeDocs(byRoom);
process.exitCode = faults.length === 0 ? 0 : 1;
