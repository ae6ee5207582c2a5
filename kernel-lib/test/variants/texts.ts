import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { writeSafetensors } from "../../src/compute/safetensors";
import { type ChatMessage, renderChat } from "../../src/models/text/chat-template";
import { createTokenizer, type TextTokenizer } from "../../src/models/text/tokenizer";
import type { JsonObject } from "../../src/models/weights/fields";
import { readCheckpoint } from "../../src/models/weights/model-folder";
import { withFiles } from "./files";
import { formatOf } from "./format";

// ---- chat templates: which of a folder's, and what it makes --------------------------------------------------------------

const PARTS_LOOP =
  "{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}{% if p.type == 'image' or 'image' in p %}<|image_pad|>{% elif p.type == 'text' %}{{ p.text }}{% endif %}{% endfor %}{% endif %}";
/** In the ways of speaking of published templates. */
const TEMPLATES: readonly string[] = [
  `{% for m in messages %}<|im_start|>{{ m.role }}\n${PARTS_LOOP}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}`,
  `{% set image_count = namespace(value=0) %}{% for m in messages %}{% if loop.first and m['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}<|im_end|>\n{% else %}{% for c in m['content'] %}{% if c['type'] == 'image' %}{% set image_count.value = image_count.value + 1 %}{% if add_vision_id %}Picture {{ image_count.value }}: {% endif %}<|vision_start|><|image_pad|><|vision_end|>{% elif 'text' in c %}{{ c['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}`,
  `{%- if messages[0]['role'] == 'system' -%}{%- set system_message = messages[0]['content'] -%}{%- set loop_messages = messages[1:] -%}{%- else -%}{%- set loop_messages = messages -%}{%- endif -%}{{- bos_token -}}{%- for m in loop_messages -%}{%- if (m['role'] == 'user') != (loop.index0 % 2 == 0) -%}{{- raise_exception('roles must alternate') -}}{%- endif -%}{%- if m.role == 'user' -%}[INST]{%- if loop.last and system_message is defined -%}{{- system_message + '\\n\\n' -}}{%- endif -%}${PARTS_LOOP}[/INST]{%- else -%}${PARTS_LOOP}{{- eos_token -}}{%- endif -%}{%- endfor -%}`,
  `{%- macro words(content) -%}{%- if content is string -%}{{ content | trim }}{%- else -%}{%- for p in content if p.type == 'text' -%}{{ p.text | trim | upper }} {% endfor -%}{%- endif -%}{%- endmacro -%}{% for m in messages %}{{ loop.index }}/{{ messages | length }} {{ m.role | capitalize }}: {{ words(m.content) }}{{ '\\n' if not loop.last else '' }}{% endfor %}`,
  "{% for m in messages %}{{ m | tojson }}{% endfor %}",
  "{{ bos_token }}{% for m in messages | rejectattr('role', 'equalto', 'system') %}{{ m.role.strip() ~ ': ' ~ (m.content if m.content is string else m.content | selectattr('type', 'equalto', 'text') | map(attribute='text') | join(' ')) }}\n{% endfor %}",
  "{% for m in messages %}\n    {% if m.role == 'user' %}\n  U {{ m.content if m.content is string else 'parts' }}\n    {% endif %}\n{% endfor %}\nend",
  "{%- for m in messages %}\n{{- m.role.title() }}{{ m.content.split(' ')[0] if m.content is string }}{% if m.content is not string %}{{ m.content | length }}{% endif %}{{ loop.previtem is defined }}\n{%- endfor %}",
];

const word = fc.constantFrom("What", "is", "it?", "é", "日本", " two  spaces", "\n", '"quoted"', "<b>", "&", "");
const text = fc.array(word, { maxLength: 4 }).map((words) => words.join(" "));
const part = fc.oneof(
  // the words stand under both names, as the library hands them to a template
  text.map((each) => ({ type: "text" as const, text: each, content: each })),
  fc.constant({ type: "image" as const }),
);
const content = fc.oneof(text, fc.array(part, { minLength: 1, maxLength: 3 }));
const conversation = fc
  .tuple(fc.option(text), fc.array(content, { minLength: 1, maxLength: 3 }))
  .map(([system, turns]) => [
    ...(system === null ? [] : [{ role: "system", content: system }]),
    ...turns.map((each, i) => ({ role: i % 2 === 0 ? "user" : "assistant", content: each })),
  ]);

const forms = (template: string) =>
  fc.constantFrom<unknown>(template, template, [
    { name: "tool_use", template: "tools" },
    { name: "default", template },
  ]);
/** Files of a folder that hold templates; each may be there, and holds another one. */
const folders = fc
  .tuple(
    fc.subarray(["processor_config.json", "chat_template.json", "chat_template.jinja", "tokenizer_config.json"]),
    fc.shuffledSubarray([...TEMPLATES], { minLength: 4, maxLength: 4 }),
  )
  .chain(([names, templates]) =>
    fc.record(Object.fromEntries(names.map((name, i) => [name, forms(templates[i]!)] as const))),
  )
  .map(
    (files): Record<string, string> =>
      Object.fromEntries(
        Object.entries(files).map(([name, template]) => {
          if (name === "chat_template.jinja") return [name, typeof template === "string" ? template : TEMPLATES[0]!];
          if (name === "chat_template.json" && typeof template !== "string")
            return [name, JSON.stringify({ chat_template: TEMPLATES[0] })];
          return [name, JSON.stringify({ chat_template: template })];
        }),
      ),
  );

const templateSpecs = fc.record({
  files: folders,
  messages: conversation,
  prompt: fc.boolean(),
  begin: fc.constant("<s>"),
  end: fc.constant("</s>"),
});
type TemplateSpec = typeof templateSpecs extends fc.Arbitrary<infer Spec> ? Spec : never;

const DOT = { width: 1, height: 1, channels: 1 as const, data: new Uint8Array(1) };
const withPictures = (messages: TemplateSpec["messages"]): ChatMessage[] =>
  messages.map(({ role, content: parts }) => ({
    role: role as ChatMessage["role"],
    content:
      typeof parts === "string"
        ? parts
        : parts.map((each) => (each.type === "image" ? { type: "image", image: DOT } : each)),
  }));

export const TEMPLATE = formatOf<TemplateSpec, { readonly template: string | null; readonly text?: string }>({
  name: "template",
  specs: templateSpecs,
  compare: ({ spec, files, answer }) =>
    withFiles([...files, ["config.json", "{}"]], (folder) => {
      writeSafetensors(join(folder, "model.safetensors"), []);
      const { chatTemplate } = readCheckpoint(folder);
      if (chatTemplate !== answer.template) return `takes ${chatTemplate}, expected ${answer.template}`;
      if (chatTemplate === null) return null;
      const tokens = { begin: spec.begin, end: spec.end };
      const made = renderChat(chatTemplate, withPictures(spec.messages), spec.prompt ? "assistant" : "closed", tokens);
      return made === answer.text ? null : `writes ${JSON.stringify(made)}, expected ${JSON.stringify(answer.text)}`;
    }),
});

// ---- tokens --------------------------------------------------------------------------------------------------------------

const REFERENCE = join(__dirname, "../reference");
const tokenizers = new Map<string, TextTokenizer>();
function tokenizerOf(name: string): TextTokenizer {
  const known = tokenizers.get(name);
  if (known !== undefined) return known;
  const json = JSON.parse(readFileSync(join(REFERENCE, name, "tokenizer.json"), "utf8")) as JsonObject;
  const made = createTokenizer(json);
  tokenizers.set(name, made);
  return made;
}

const PIECES = [
  "the lung",
  "Is there",
  "effusion?",
  "3.5 cm",
  "42",
  "don't",
  "é",
  "e\u0301",
  "日本語",
  "🫁",
  "\n\n",
  "\t",
  "  ",
  "–",
  "µm",
  "İ",
  "ß",
];
const SPECIAL = ["<s>", "</s>", "<|im_end|>", "[IMG]", "[SEP]", "<unk>"];
/**
 * Letters and signs of the older Unicode, which the programs agree about: what counts as punctuation in scripts that came later depends
 * on the tables that each was built with.
 */
const letters = fc
  .array(
    fc.oneof(
      fc.integer({ min: 32, max: 0x17f }),
      fc.integer({ min: 0x370, max: 0x4ff }),
      fc.integer({ min: 0x2010, max: 0x22ff }),
      fc.integer({ min: 0x4e00, max: 0x4fff }),
    ),
    { maxLength: 6 },
  )
  .map((codes) => codes.map((code) => String.fromCodePoint(code)).join(""));
const tokensSpecs = fc.record({
  tokenizer: fc.constantFrom("clip/model", "jina-clip/plain", "pixtral/published", "pixtral/regex", "pixtral/tied"),
  text: fc
    .array(
      fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom(...PIECES) },
        { weight: 2, arbitrary: letters },
        { weight: 1, arbitrary: fc.constantFrom(...SPECIAL) },
      ),
      { maxLength: 8 },
    )
    .map((pieces) => pieces.join(" ")),
});

interface Ids {
  readonly ids: readonly number[];
  readonly bare: readonly number[];
  readonly decoded: string;
}

export const TOKENS = formatOf<{ readonly tokenizer: string; readonly text: string }, Ids>({
  name: "tokens",
  specs: tokensSpecs,
  compare: ({ spec, answer }) => {
    const tokenizer = tokenizerOf(spec.tokenizer);
    const [ids, bare] = [tokenizer.encode(spec.text), tokenizer.encode(spec.text, "bare")];
    if (ids.join() !== answer.ids.join()) return `${ids}, expected ${answer.ids}`;
    if (bare.join() !== answer.bare.join()) return `bare ${bare}, expected ${answer.bare}`;
    const decoded = tokenizer.decode(ids);
    return decoded === answer.decoded ? null : `${JSON.stringify(decoded)}, expected ${JSON.stringify(answer.decoded)}`;
  },
});
