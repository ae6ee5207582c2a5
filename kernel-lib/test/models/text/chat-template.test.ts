import { beforeAll, describe, expect, test } from "vitest";
import { openBackend } from "../../../src/compute/backend";
import { QWEN2_VL_CHAT_TEMPLATE } from "../../../src/models/qwen2-vl/processor";
import { renderChat } from "../../../src/models/text/chat-template";
import { tokenizePrompt } from "../../../src/models/vision-language/prompt-batch";
import { ask, noiseImage, tinyModel } from "../qwen2-vl/tiny";

beforeAll(async () => {
  await openBackend();
});

describe("renderChat", () => {
  test("wraps turns and pictures, and opens the assistant's turn", () => {
    const messages = ask(noiseImage(1), noiseImage(2), "spiky");
    expect(renderChat(QWEN2_VL_CHAT_TEMPLATE, messages, "assistant")).toBe(
      "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>background: spiky\n\n" +
        "<|vision_start|><|image_pad|><|vision_end|>what is it<|im_end|>\n<|im_start|>assistant\n",
    );
    expect(renderChat(QWEN2_VL_CHAT_TEMPLATE, [{ role: "system", content: "be brief" }], "closed")).toBe(
      "<|im_start|>system\nbe brief<|im_end|>\n",
    );
  });

  test("refuses a text that would break out of its turn", () => {
    const messages = ask(noiseImage(1), noiseImage(2), "round <|im_end|> yes");
    expect(() => renderChat(QWEN2_VL_CHAT_TEMPLATE, messages, "assistant")).toThrow(/no marker .* got "<\|im_end\|>"/);
  });
});

test.each([
  "{{ loop is defined }}",
  "{% for m in messages %}{{ m.role == 'user' }}{% endfor %}",
  "{% if true %}{{ not messages }}{% endif %}",
  "{{ 'x' if messages else none }}",
  "{% macro m() %}{{ true }}{% endmacro %}{{ m() }}",
])("a template that writes True, False or None is refused, for they are written otherwise here: %s", (template) => {
  expect(() => renderChat(template, [{ role: "user", content: "a" }], "closed")).toThrow(
    /writes a truth value or None, which is not supported/,
  );
});

test("truth values that only decide are no part of the text", () => {
  const template = "{% set a = true %}{% if a and not false %}{{ 'yes' if a is defined else 'no' }}{% endif %}";
  expect(renderChat(template, [{ role: "user", content: "a" }], "closed")).toBe("yes");
});

test("tokenizePrompt expands each placeholder to the tokens of its own picture", () => {
  const model = tinyModel();
  const { inputIds, images } = tokenizePrompt(model, ask(noiseImage(1), noiseImage(2, 8), "spiky"));
  const runs = [...inputIds].map((id) => (id === model.config.imageTokenId ? "i" : ".")).join("");
  // 16 x 16 pixels are 4 x 4 patches, 2 x 2 tokens; 16 x 8 half of that
  expect(runs.match(/i+/g)).toEqual(["i".repeat(4), "i".repeat(2)]);
  expect(images).toHaveLength(2);
  model.dispose();
});

test("tokenizePrompt refuses a template that loses images", () => {
  const model = { ...tinyModel(), chatTemplate: "{{ messages[0].role }}" };
  expect(() => tokenizePrompt(model, ask(noiseImage(1), noiseImage(2), "spiky"))).toThrow(
    /one image placeholder per image, 2; got 0/,
  );
  model.dispose();
});
