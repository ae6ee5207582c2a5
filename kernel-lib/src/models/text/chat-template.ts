import { createRequire } from "node:module";
import { DataError } from "../../base/errors";
import type { RasterImage } from "../../base/types";

/** A node of a parsed template. */
interface JinjaNode {
  readonly type: string;
  readonly [part: string]: unknown;
}

/** The part of `@huggingface/jinja` in use; the package ships CommonJS, but declares types for ES modules only. */
interface JinjaTemplate {
  readonly parsed: JinjaNode;
  render(values: Readonly<Record<string, unknown>>): string;
}
const { Template } = createRequire(__filename)("@huggingface/jinja") as {
  Template: new (text: string) => JinjaTemplate;
};

/** A picture or a text of a message. */
export type ContentPart =
  | { readonly type: "image"; readonly image: RasterImage }
  | { readonly type: "text"; readonly text: string };

/** One turn of a conversation. */
export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string | readonly ContentPart[];
}

const CHATML_MARKER = /<\|[a-z_]+\|>/;
const MISTRAL_MARKER = /\[\/?INST\]|\[IMG(?:_BREAK|_END)?\]|<\/?s>/;

/** Whether the text ends where the assistant starts to write, or after the last turn. */
type TemplateEnd = "assistant" | "closed";

/** Texts of the tokens a template may write before and after a conversation. */
interface TemplateTokens {
  readonly begin: string | null;
  readonly end: string | null;
}

/** Parts of a statement that hold what is written one after the other. */
const BODIES = ["body", "alternate", "defaultBlock"];
const COMPARISONS: readonly unknown[] = ["==", "!=", "<", ">", "<=", ">=", "in", "not in"];
const WORDS: readonly unknown[] = ["true", "false", "none", "True", "False", "None"];

/** Whether an expression gives true, false or none, as far as its form says. */
function isTruth(node: JinjaNode): boolean {
  const [operator, left, right] = [node["operator"], node["left"], node["right"]];
  const word = (operator as { value?: unknown } | undefined)?.value;
  if (node.type === "BinaryExpression" && (word === "and" || word === "or"))
    return isTruth(left as JinjaNode) || isTruth(right as JinjaNode);
  if (node.type === "BinaryExpression") return COMPARISONS.includes(word);
  if (node.type === "Ternary") return isTruth(node["trueExpr"] as JinjaNode) || isTruth(node["falseExpr"] as JinjaNode);
  return (
    node.type === "TestExpression" ||
    (node.type === "UnaryExpression" && word === "not") ||
    (node.type === "Identifier" && WORDS.includes(node["value"]))
  );
}

/** Refuses a template that writes a truth value: Python's jinja2 says True where this one says true. */
function refuseTruths(node: JinjaNode): void {
  for (const part of BODIES) {
    const statements = node[part];
    if (!Array.isArray(statements)) continue;
    for (const statement of statements as JinjaNode[]) {
      if (isTruth(statement)) throw new Error("it writes a truth value or None, which is not supported");
      refuseTruths(statement);
    }
  }
}

const parsed = new Map<string, JinjaTemplate>();

/**
 * Writes a conversation as the text a model reads, by its Jinja chat template.
 *
 * @throws DataError when a text holds a marker such as <|im_end|>, which would break out of its turn, or when the template fails.
 */
export function renderChat(
  template: string,
  messages: readonly ChatMessage[],
  end: TemplateEnd,
  tokens: TemplateTokens = { begin: null, end: null },
): string {
  const markers = template.includes("[INST]") ? MISTRAL_MARKER : CHATML_MARKER;
  for (const text of messages.flatMap(textsOf)) refuseMarkers(text, markers);
  let compiled = parsed.get(template);
  try {
    if (compiled === undefined) {
      compiled = new Template(template);
      refuseTruths(compiled.parsed);
      parsed.set(template, compiled);
    }
    const visible = messages.map(({ role, content }) => ({
      role,
      content: typeof content === "string" ? content : content.map(withoutPixels),
    }));
    return compiled.render({
      messages: visible,
      add_generation_prompt: end === "assistant",
      bos_token: tokens.begin ?? "",
      eos_token: tokens.end ?? "",
    });
  } catch (cause) {
    throw new DataError(
      `renderChat: the chat template cannot be rendered: ${(cause as Error).message}. Check the checkpoint's chat template.`,
      {},
      cause,
    );
  }
}

/** All pictures of a conversation, in reading order. */
export function imagesOf(messages: readonly ChatMessage[]): RasterImage[] {
  return messages.flatMap(({ content }) =>
    typeof content === "string" ? [] : content.flatMap((part) => (part.type === "image" ? [part.image] : [])),
  );
}

function textsOf({ content }: ChatMessage): string[] {
  if (typeof content === "string") return [content];
  return content.flatMap((part) => (part.type === "text" ? [part.text] : []));
}

function withoutPixels(part: ContentPart): Record<string, string> {
  // some published templates read a part's words as `content`
  return part.type === "text" ? { type: "text", text: part.text, content: part.text } : { type: "image" };
}

function refuseMarkers(text: string, markers: RegExp): void {
  const marker = markers.exec(text)?.[0];
  if (marker === undefined) return;
  throw new DataError(
    `renderChat: a text must hold no marker of the chat format; got "${marker}". Remove it from the text.`,
    { marker },
  );
}
