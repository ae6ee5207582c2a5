const TAG = /<([A-Za-z][\w:.-]*)((?:\s+[\w:.-]+="[^"]*")+)(\s*\/?>)/g;
const ATTRIBUTE = /[\w:.-]+="[^"]*"/g;

/**
 * A drawn SVG with the attributes of every tag in alphabetical order. plotly.js sets those of a legend in another order when
 * it has measured its words before, so that the same figure would give other bytes as a program's second drawing.
 *
 * @param svg as a browser writes it: "<" occurs in no text and no attribute.
 */
export function sortAttributes(svg: string): string {
  return svg.replace(TAG, (_tag, name: string, attributes: string, end: string) => {
    const sorted = attributes.match(ATTRIBUTE)!.sort(byName);
    return `<${name} ${sorted.join(" ")}${end}`;
  });
}

/** By code points, not by this machine's language. */
function byName(a: string, b: string): number {
  return a < b ? -1 : 1;
}
