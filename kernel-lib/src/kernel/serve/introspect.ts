import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { parseSync } from "@swc/core";
import type { MessageContent } from "../message";
import { type CellPlace, type CellTypes, SESSION_NAME } from "../types/cell-types";
import { completeColumn, type TableColumns } from "./columns";

/** What a front end asks while somebody types: completions, what a name is, whether the input is complete. */

interface CompletionItem {
  readonly label: string;
  readonly kind?: number;
  readonly sortText?: string;
  readonly filterText?: string;
  readonly insertText?: string;
  readonly detail?: string;
  readonly textEdit?: { readonly newText: string };
}

/** Kinds of the language server protocol, from 1, in Jupyter's words. */
const KINDS = [
  "text,method,function,constructor,field,variable,class,interface,module,property,unit,value,enum,keyword,snippet",
  "color,file,reference,folder,enumMember,constant,struct,event,operator,typeParameter",
]
  .join(",")
  .split(",");
const MAX_MATCHES = 500;
/** Files of the type checker's own, beside which a relative path is completed. */
const OWN_FILE = /^(?:tsconfig\.json|names(?:\.d)?|session|cell_\d+)$/;
const WORD_BEFORE = /[\p{ID_Continue}$\u200c\u200d]*$/u;
const FILE_BEFORE = /[^/'"`]*$/;

/** Jupyter counts in code points, JavaScript in UTF-16 units. */
function toUnits(text: string, points: number): number {
  return Array.from(text).slice(0, points).join("").length;
}

function toPoints(text: string, units: number): number {
  return Array.from(text.slice(0, units)).length;
}

function placeOf(code: string, offset: number): CellPlace {
  const before = code.slice(0, offset);
  const line = before.split("\n").length - 1;
  return { line, character: offset - (before.lastIndexOf("\n") + 1) };
}

interface Asked {
  readonly code: string;
  readonly offset: number;
}

/** The code and the cursor of a request; a cursor that is not there is the end. */
export function askedOf(content: MessageContent): Asked {
  const code = String(content["code"] ?? "");
  const cursor = content["cursor_pos"];
  return { code, offset: typeof cursor === "number" ? toUnits(code, cursor) : code.length };
}

/** Whether the cursor is inside of a string on its line, roughly: an odd number of one kind of quote before it. */
function isInString(before: string): boolean {
  const line = before.slice(before.lastIndexOf("\n") + 1);
  return ["'", '"', "`"].some((quote) => (line.split(quote).length - 1) % 2 === 1);
}

function emptyCompletion(cursor: number): MessageContent {
  return { status: "ok", matches: [], cursor_start: cursor, cursor_end: cursor, metadata: {} };
}

/** What is offered, and how a front end marks it. */
interface Offer {
  readonly text: string;
  readonly type: string;
  readonly signature?: string;
}

/** The content of a complete_reply that offers the first MAX_MATCHES for what stands from `from` to the cursor. */
function offering(code: string, [from, offset]: readonly [number, number], offers: readonly Offer[]): MessageContent {
  const [start, end] = [toPoints(code, from), toPoints(code, offset)];
  const shown = offers.slice(0, MAX_MATCHES);
  return {
    status: "ok",
    matches: shown.map(({ text }) => text),
    cursor_start: start,
    cursor_end: end,
    metadata: { _jupyter_types_experimental: shown.map((offer) => ({ start, end, ...offer })) },
  };
}

function columnReply(code: string, offset: number, tables: TableColumns): MessageContent | null {
  const found = completeColumn(code, offset, tables);
  if (found === null) return null;
  const offers = found.columns.map((text) => ({ text, type: "field", signature: "column" }));
  return offering(code, [found.start, offset], offers);
}

/** A string that the cursor is in, from its quote on; the text of a template is not looked into. */
const STRING_BEFORE = /(?:^|[^\w\s"'])\s*(?<quote>["'])(?<text>(?:(?!\k<quote>)[^\\\n])*)$/;

/** Files and folders whose path from the notebook's folder begins with the string at the cursor, for strings that mean nothing else. */
function fileReply(code: string, offset: number): MessageContent | null {
  const text = STRING_BEFORE.exec(code.slice(0, offset))?.groups?.["text"];
  if (text === undefined) return null;
  const cut = text.lastIndexOf("/") + 1;
  const [folder, typed] = [resolve(text.slice(0, cut) || "."), text.slice(cut)];
  const names = filesOf(folder).filter((name) => name.startsWith(typed) && (typed !== "" || !name.startsWith(".")));
  if (names.length === 0) return null;
  const offers = names.sort().map((name) => ({ text: name, type: name.endsWith("/") ? "folder" : "file" }));
  return offering(code, [offset - typed.length, offset], offers);
}

function filesOf(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
  } catch {
    return []; // no such folder, or not to be read
  }
}

/**
 * The content of a complete_reply.
 *
 * @param tables columns of the tables that cells have named; where one is meant, only they are offered.
 */
export async function complete(
  types: CellTypes,
  content: MessageContent,
  tables: TableColumns,
): Promise<MessageContent> {
  const { code, offset } = askedOf(content);
  const columns = columnReply(code, offset, tables);
  if (columns !== null) return columns;
  const before = code.slice(0, offset);
  const inString = isInString(before);
  const typed = (inString ? FILE_BEFORE : WORD_BEFORE).exec(before)![0];
  const answer = await types.ask<{ items?: CompletionItem[] } | CompletionItem[] | null>(
    "textDocument/completion",
    code,
    placeOf(code, offset),
  );
  const items = Array.isArray(answer) ? answer : (answer?.items ?? []);
  if (items.length === 0) return fileReply(code, offset) ?? emptyCompletion(toPoints(code, offset));
  const wanted = items
    .map((item) => ({ ...item, text: item.textEdit?.newText ?? item.insertText ?? item.label }))
    .filter(
      ({ text }) =>
        text.toLowerCase().startsWith(typed.toLowerCase()) && !(inString ? OWN_FILE.test(text) : text === SESSION_NAME),
    )
    .sort((a, b) => compareItems(a, b, typed))
    .filter(({ text }, i, all) => text !== all[i - 1]?.text);
  const offers = wanted.map(({ text, kind = 1, detail }) => ({
    text,
    type: KINDS[kind - 1] ?? "text",
    ...(detail ? { signature: detail } : {}),
  }));
  return offering(code, [offset - typed.length, offset], offers);
}

function compareItems(
  a: CompletionItem & { text: string },
  b: CompletionItem & { text: string },
  typed: string,
): number {
  const exact = Number(b.text.startsWith(typed)) - Number(a.text.startsWith(typed));
  return exact || (a.sortText ?? "").localeCompare(b.sortText ?? "") || a.text.localeCompare(b.text);
}

interface Markup {
  readonly value: string;
}

interface Signatures {
  readonly signatures?: readonly { readonly label: string; readonly documentation?: Markup | string }[];
  readonly activeSignature?: number;
}

const markupText = (markup: Markup | string | undefined): string =>
  typeof markup === "string" ? markup : (markup?.value ?? "");

const plainText = (markdown: string): string => markdown.replace(/^```\w*\n?/gm, "").trim();

/** The content of an inspect_reply: what the name at the cursor is, or the call the cursor is in. */
export async function inspectAt(types: CellTypes, content: MessageContent): Promise<MessageContent> {
  const { code, offset } = askedOf(content);
  const markdown = (await hover(types, code, offset)) ?? (await signature(types, code, offset));
  if (markdown === null) return { status: "ok", found: false, data: {}, metadata: {} };
  return {
    status: "ok",
    found: true,
    data: { "text/markdown": markdown, "text/plain": plainText(markdown) },
    metadata: {},
  };
}

async function hover(types: CellTypes, code: string, offset: number): Promise<string | null> {
  // at the end of a word the word is meant
  const at = /[\p{ID_Continue}$]$/u.test(code.slice(0, offset)) ? offset - 1 : offset;
  const answer = await types.ask<{ contents?: Markup } | null>("textDocument/hover", code, placeOf(code, at));
  return answer?.contents?.value || null;
}

async function signature(types: CellTypes, code: string, offset: number): Promise<string | null> {
  const place = placeOf(code, offset);
  const answer = await types.ask<Signatures | null>("textDocument/signatureHelp", code, place);
  const found = answer?.signatures?.[answer.activeSignature ?? 0];
  if (found === undefined) return null;
  return `\`\`\`typescript\n${found.label}\n\`\`\`\n${markupText(found.documentation)}`.trimEnd();
}

/** "Expected ';', '}' or <eof>" is said of something else that stands there. */
const UNFINISHED = /(?:got '|token `)<eof>|unexpected eof|unterminated (?:template|block comment)/i;
/** swc marks the wrong place; where the end is wrong there is nothing to mark. */
const MARK = /\n\s*:[\s|]*\^/;

/** The content of an is_complete_reply. */
export function isComplete(code: string): MessageContent {
  try {
    parseSync(code, { syntax: "typescript", decorators: true });
    return { status: "complete" };
  } catch (error) {
    const { message } = error as Error;
    if (!UNFINISHED.test(message) && MARK.test(message)) return { status: "invalid" };
    const last = code.slice(code.trimEnd().lastIndexOf("\n") + 1);
    const indent = /^\s*/.exec(last)![0] + (/[{([]\s*$/.test(code) ? "  " : "");
    return { status: "incomplete", indent };
  }
}
