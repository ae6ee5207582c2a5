/** A heading of a radiology report: capitals at the start of a line, ended by a colon. */
const HEADING = /^[ \t]*([A-Z][A-Z /,()&-]{2,60}):/gm;

/** The sections of a report by heading, in order; a heading that comes twice is joined. */
export function splitReport(report: string): Map<string, string> {
  const sections = new Map<string, string>();
  const headings = [...report.matchAll(HEADING)];
  headings.forEach((heading, k) => {
    const start = heading.index + heading[0].length;
    const text = report
      .slice(start, headings[k + 1]?.index)
      .replace(/\s+/g, " ")
      .trim();
    const name = heading[1]!.trim().toLowerCase();
    const before = sections.get(name);
    sections.set(name, before === undefined ? text : `${before} ${text}`.trim());
  });
  return sections;
}

function textOf(sections: ReadonlyMap<string, string>, pattern: RegExp): string {
  const found = [...sections].filter(([name]) => pattern.test(name)).map(([, text]) => text);
  return found.filter((text) => text !== "").join(" ");
}

/**
 * What a report says about the picture: its findings, then its impression. A report that marks neither gives its last paragraph,
 * where such reports have their reading. Technique, indication and comparison are left out. Empty when nothing is left.
 */
export function findingsAndImpression(report: string): string {
  const sections = splitReport(report);
  const parts = [textOf(sections, /^findings/), textOf(sections, /^(impression|conclusion)/)].filter(
    (text) => text !== "",
  );
  if (parts.length > 0) return parts.join(" ");
  const paragraphs = report.split(/\n\s*\n/).map((text) => text.replace(/\s+/g, " ").trim());
  const last = paragraphs.filter((text) => text !== "").at(-1) ?? "";
  return last.replace(/^[A-Z][A-Z /,()&-]{2,60}:\s*/, "");
}
