import type { Area } from "./canvas";

/** An ellipse with a wavy outline. */
export interface EllipseShape {
  readonly x: number;
  readonly y: number;
  readonly rx: number;
  readonly ry: number;
  /** Turn, radians. Default 0. */
  readonly turn?: number;
  /** Width of the soft edge as a share of the radius. Default 0.15. */
  readonly soft?: number;
  /** Relative amplitude of the outline's waves. Default 0. */
  readonly waves?: number;
  /** Waves around the outline. Default 4. */
  readonly lobes?: number;
  /** Turn of the waves, radians. Default 0. */
  readonly phase?: number;
}

const EVERYWHERE = { x0: -1, x1: 1, y0: -1, y1: 1 };

/** 0 below 0, 1 above 1, smooth in between. */
export function smoothStep(value: number): number {
  const t = Math.min(1, Math.max(0, value));
  return t * t * (3 - 2 * t);
}

/** The inside of an ellipse. */
export function ellipse(shape: EllipseShape): Area {
  const { x, y, rx, ry, turn = 0, soft = 0.15, waves = 0, lobes = 4, phase = 0 } = shape;
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const reach = Math.max(rx, ry) * (1 + 1.5 * waves + soft);
  return {
    cover: (px, py) => {
      const u = ((px - x) * cos + (py - y) * sin) / rx;
      const v = ((py - y) * cos - (px - x) * sin) / ry;
      const distance = Math.sqrt(u * u + v * v); // Math.hypot is many times slower
      if (waves === 0) return smoothStep((1 - distance) / soft + 0.5);
      const angle = Math.atan2(v, u);
      const wave = Math.sin(lobes * angle + phase) + 0.5 * Math.sin((2 * lobes + 1) * angle + 2 * phase);
      return smoothStep((1 + waves * wave - distance) / soft + 0.5);
    },
    reach: { x0: x - reach, x1: x + reach, y0: y - reach, y1: y + reach },
  };
}

/** What lies between two areas: in the outer one and not in the inner one. */
export function ring(outer: Area, inner: Area): Area {
  return { cover: (x, y) => outer.cover(x, y) * (1 - inner.cover(x, y)), reach: outer.reach };
}

/** What lies in both areas. */
export function overlap(one: Area, other: Area): Area {
  return { cover: (x, y) => one.cover(x, y) * other.cover(x, y), reach: one.reach };
}

/** Everything that is not in the area. */
export function outside(area: Area): Area {
  return { cover: (x, y) => 1 - area.cover(x, y), reach: EVERYWHERE };
}

/** A round dot. */
export function dot(x: number, y: number, radius: number): Area {
  return ellipse({ x, y, rx: radius, ry: radius, soft: 0.6 });
}

/** One straight piece of a stroke, half a width wide at either end; nothing of it is seen outside its box. */
interface Piece {
  readonly x: number;
  readonly y: number;
  readonly dx: number;
  readonly dy: number;
  readonly inverseSquare: number;
  readonly half: number;
  readonly endHalf: number;
  readonly box: Area["reach"];
}

function pieceOf(points: readonly (readonly [number, number])[], k: number, halfAt: (t: number) => number): Piece {
  const [x, y] = points[k]!;
  const [nextX, nextY] = points[k + 1]!;
  const [dx, dy] = [nextX - x, nextY - y];
  const [half, endHalf] = [halfAt(k / (points.length - 1)), halfAt((k + 1) / (points.length - 1))];
  const margin = 1.5 * Math.max(half, endHalf);
  const box = {
    x0: Math.min(x, nextX) - margin,
    x1: Math.max(x, nextX) + margin,
    y0: Math.min(y, nextY) - margin,
    y1: Math.max(y, nextY) + margin,
  };
  return { x, y, dx, dy, inverseSquare: 1 / (dx * dx + dy * dy || 1), half, endHalf, box };
}

function coverOf(piece: Piece, x: number, y: number): number {
  const { box } = piece;
  if (x < box.x0 || x > box.x1 || y < box.y0 || y > box.y1) return 0;
  const [px, py] = [x - piece.x, y - piece.y];
  const along = Math.min(1, Math.max(0, (px * piece.dx + py * piece.dy) * piece.inverseSquare));
  const [offX, offY] = [px - along * piece.dx, py - along * piece.dy];
  const half = piece.half + along * (piece.endHalf - piece.half);
  return smoothStep((half - Math.sqrt(offX * offX + offY * offY)) / half + 0.5);
}

/** A curved stroke through points [x, y], `width` wide at its beginning and `endWidth` (default the same) at its end. */
export function stroke(points: readonly (readonly [number, number])[], width: number, endWidth = width): Area {
  const halfAt = (t: number) => (width + t * (endWidth - width)) / 2;
  const pieces = points.slice(1).map((_, k) => pieceOf(points, k, halfAt));
  const cover = (x: number, y: number): number => {
    let best = 0;
    for (const piece of pieces) best = Math.max(best, coverOf(piece, x, y));
    return best;
  };
  const boxes = pieces.map(({ box }) => box);
  return {
    cover,
    reach: {
      x0: Math.min(...boxes.map(({ x0 }) => x0)),
      x1: Math.max(...boxes.map(({ x1 }) => x1)),
      y0: Math.min(...boxes.map(({ y0 }) => y0)),
      y1: Math.max(...boxes.map(({ y1 }) => y1)),
    },
  };
}

/** Points of an arc from `from` to `to`, bent sideways by `bend` at its middle. */
export function arc(
  from: readonly [number, number],
  to: readonly [number, number],
  bend: number,
  count = 7,
): [number, number][] {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(dx, dy) || 1;
  return Array.from({ length: count }, (_, k) => {
    const t = k / (count - 1);
    const side = (4 * t * (1 - t) * bend) / length;
    return [from[0] + t * dx - side * dy, from[1] + t * dy + side * dx];
  });
}
