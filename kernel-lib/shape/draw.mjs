import { createRequire } from "node:module";

const { FLOORS, ROOMS } = createRequire(import.meta.url)("./rooms.cjs");

const CELL = 19;
const LEFT = 104;
const TOP = 128;
const TEXT = 660;
const INK = "#1f2933";
const QUIET = "#6b7785";
const FONT = 'font-family="Open Sans, Segoe UI, Helvetica, Arial, sans-serif"';

const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
const text = (x, y, words, more = "") => `<text x="${x}" y="${y}" ${more}>${escaped(words)}</text>`;

/**
 * The rooms as a matrix: a dot where the room of a row imports from the room of a column. Everything above the diagonal is empty as
 * long as imports go one way.
 *
 * @param imports what roomImports() found.
 * @returns an SVG.
 */
export function drawRooms(imports) {
  const size = ROOMS.length * CELL;
  const [width, height] = [LEFT + size + TEXT, TOP + size + 26];
  const middle = (i) => i * CELL + CELL / 2;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ${FONT} font-size="12" fill="${INK}">`,
    `<title>Rooms of kernel-lib and what they import</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(12, 22, "A room imports from the rooms above it", 'font-size="15" font-weight="600"'),
    text(12, 40, "row: the room; dot: it imports from the room of that column", `fill="${QUIET}"`),
  ];
  let row = 0;
  for (const [i, { floor, rooms }] of FLOORS.entries()) {
    const [y, tall] = [TOP + row * CELL, rooms.length * CELL];
    if (i % 2 === 0) parts.push(`<rect x="0" y="${y}" width="${width}" height="${tall}" fill="#f3f5f8"/>`);
    parts.push(text(width - 12, y + 14, floor, `text-anchor="end" font-weight="600" fill="${QUIET}"`));
    for (const { name, holds } of rooms) {
      const line = TOP + middle(row) + 4;
      parts.push(text(LEFT - 10, line, name, 'text-anchor="end" font-weight="600"'));
      parts.push(text(LEFT + size + 14, line, holds));
      row++;
    }
  }
  ROOMS.forEach((room, i) => {
    const [x, y] = [LEFT + middle(i), TOP + middle(i)];
    parts.push(text(x + 4, TOP - 8, room, `transform="rotate(-55 ${x + 4} ${TOP - 8})" fill="${QUIET}"`));
    parts.push(`<rect x="${x - 6}" y="${y - 6}" width="12" height="12" rx="3" fill="#c9d2dc"/>`);
    for (const other of imports.get(room)) {
      parts.push(`<circle cx="${LEFT + middle(ROOMS.indexOf(other))}" cy="${y}" r="5" fill="#2f6db3"/>`);
    }
  });
  parts.push(
    text(12, height - 9, "drawn from the imports by npm run shape -- --write", `font-size="11" fill="${QUIET}"`),
  );
  return `${[...parts, "</svg>"].join("\n")}\n`;
}

/** The table of rooms in docs/architecture.md. */
export function roomsTable() {
  const rows = FLOORS.flatMap(({ rooms }) => rooms.map(({ name, holds }) => `| \`${name}\` | ${holds} |`));
  return ["| room | what it holds |", "|---|---|", ...rows].join("\n");
}
