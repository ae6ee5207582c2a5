import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { REPOSITORY } from "../setup/fakes";

const pages = [
  ...readdirSync(REPOSITORY).filter((name) => name.endsWith(".md")),
  ...readdirSync(join(REPOSITORY, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
  "data/README.md",
];

const read = (page: string): string => readFileSync(join(REPOSITORY, page), "utf8");
const withoutCode = (text: string): string => text.replace(/```[\s\S]*?```/g, "").replace(/`[^`\n]*`/g, "");

/** Anchors of a page as GitHub makes them of its headings. */
function anchorsOf(page: string): string[] {
  const headings = [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) => title);
  return headings.map((title) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** Links of a page that lead nowhere. */
function deadLinks(page: string): string[] {
  const links = [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [path = "", anchor] = link.split("#");
    const target = path === "" ? page : join(dirname(page), path);
    if (!existsSync(join(REPOSITORY, target))) return true;
    return anchor !== undefined && target.endsWith(".md") && !anchorsOf(target).includes(anchor);
  });
}

describe("the pages", () => {
  it.each(pages)("%s has no link that leads nowhere", (page) => {
    expect(deadLinks(page)).toEqual([]);
  });
});

describe("docs/paper-map.md", () => {
  const rows = [...read("docs/paper-map.md").matchAll(/^\| (.*) \|$/gm)].map(([, row = ""]) => row.split(" | "));
  const parts = rows.filter((cells) => cells.length === 5 && /\]\(\.\.\/kernel-lib\/src\//.test(cells[2] ?? ""));

  it("has a row for every part of the paper, with its place in the paper, file, test and notebook", () => {
    expect(parts.length).toBeGreaterThan(25);
    for (const [part, , , test] of parts) {
      expect(test, part).toMatch(/\]\(\.\.\/kernel-lib\/test\/[^)]+\)/);
    }
  });

  it("names functions that are in the files it links to", () => {
    const missing = parts.flatMap(([, , file = ""]) =>
      [...file.matchAll(/\[((?:`[^`]+`(?:, )?)+)\]\(\.\.\/([^)]+)\)/g)].flatMap(([, names = "", path = ""]) => {
        const text = path.endsWith(".ts") ? read(path) : "";
        const defined = (name: string) =>
          new RegExp(`export (async )?(function|const|interface|type|class) ${name}\\b`).test(text);
        return [...names.matchAll(/`([^`]+)`/g)]
          .map(([, name = ""]) => name)
          .filter((name) => !defined(name))
          .map((name) => `${name} in ${path}`);
      }),
    );
    expect(missing).toEqual([]);
  });
});
