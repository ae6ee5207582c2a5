import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { DataError, EnvironmentError } from "../../base/errors";
import { fontFiles } from "./engine";

const require_ = createRequire(__filename);

/** The two weights of a figure's words. */
type Weight = 400 | 700;

const TEXT = /<text\b[^>]*>.*?<\/text>/gs;
const BOLD = /font-weight:\s*(?:bold|[6-9]00)/;
const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'", nbsp: "\u00a0" };

/**
 * A drawn SVG that brings its letters along: of Open Sans, in each weight that is used, the characters that occur, as WOFF2 in a
 * `data:` URI. Where the font is not installed, other letters are wider and titles are cut. About 5 to 10 kB a weight; the same SVG gives
 * the same bytes, and one without words stays as it is.
 *
 * @param svg as `drawFigure` draws it.
 * @throws DataError when it does not begin with an svg element. EnvironmentError when the package that cuts fonts is missing.
 */
export async function embedFonts(svg: string): Promise<string> {
  const open = /^<svg\b[^>]*>/.exec(svg)?.[0];
  if (open === undefined) {
    const start = JSON.stringify(svg.slice(0, 20));
    throw new DataError(`embedFonts: svg must begin with an svg element; got ${start}. Pass what drawFigure gives.`);
  }
  const files = fontFiles();
  const faces: string[] = [];
  for (const [weight, characters] of charactersByWeight(svg)) {
    if (characters === "") continue;
    const font = await subsetOf(weight === 400 ? files.regular : files.bold, characters);
    const source = `url("data:font/woff2;base64,${font.toString("base64")}") format("woff2")`;
    faces.push(`@font-face{font-family:"Open Sans";font-weight:${weight};src:${source}}`);
  }
  if (faces.length === 0) return svg;
  return `${open}<style>${faces.join("")}</style>${svg.slice(open.length)}`;
}

/** Every character of a weight once, in the order of code points. */
function charactersByWeight(svg: string): Map<Weight, string> {
  const sets = new Map<Weight, Set<string>>([
    [400, new Set()],
    [700, new Set()],
  ]);
  for (const [element] of svg.matchAll(TEXT)) {
    const words = plainText(element);
    const weights: readonly Weight[] = BOLD.test(element) ? [400, 700] : [400]; // of a bold word the rest may be regular
    for (const weight of weights) for (const character of words) sets.get(weight)!.add(character);
  }
  return new Map([...sets].map(([weight, all]) => [weight, [...all].sort().join("")]));
}

function plainText(element: string): string {
  return element.replaceAll(/<[^>]*>/g, "").replaceAll(/&(#x?[\da-fA-F]+|\w+);/g, (whole, name: string) => {
    if (!name.startsWith("#")) return ENTITIES[name] ?? whole;
    return String.fromCodePoint(name[1] === "x" ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1)));
  });
}

/** What is used of the package subset-font; it has no types of its own. */
type SubsetFont = (
  font: Buffer,
  characters: string,
  options: {
    readonly targetFormat: "woff2";
    /** OpenType features that are kept. */
    readonly keepFeatures: readonly string[];
    readonly noLayoutClosure: boolean;
    readonly noHinting: boolean;
  },
) => Promise<Buffer>;

/** Without hints and ligatures, which no figure needs. The package is opened when a picture is drawn, not with the library. */
async function subsetOf(file: string, characters: string): Promise<Buffer> {
  return loadSubsetFont()(readFileSync(file), characters, {
    targetFormat: "woff2",
    keepFeatures: ["kern"],
    noLayoutClosure: true,
    noHinting: true,
  });
}

function loadSubsetFont(): SubsetFont {
  try {
    return require_("subset-font") as SubsetFont;
  } catch (cause) {
    throw new EnvironmentError(
      "drawFigure: the package subset-font must be installed to draw an SVG. Run `npm run setup` in the repository.",
      { package: "subset-font" },
      cause,
    );
  }
}
