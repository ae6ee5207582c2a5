"""Tables of text, conversations and tokens: what Python's csv, transformers' templates and tokenizers make of them."""

import csv
import io
import json
import pathlib
import tempfile

REFERENCE = pathlib.Path(__file__).parent.parent


def table(spec):
    buffer = io.StringIO()
    quoting = {"minimal": csv.QUOTE_MINIMAL, "all": csv.QUOTE_ALL, "text": csv.QUOTE_NONNUMERIC}[spec["quoting"]]
    writer = csv.writer(buffer, quoting=quoting, lineterminator=spec["lineEnd"])
    writer.writerow(spec["columns"])
    writer.writerows(spec["rows"])
    text = buffer.getvalue() + spec["lineEnd"] * spec["blankLines"]
    if not spec["lastLineEnd"]:
        text = text.removesuffix(spec["lineEnd"])
    content = text.encode("utf-8-sig" if spec["mark"] else "utf-8")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    return {"a.csv": content}, {"columns": spec["columns"], "rows": rows}


def small_tokenizer():
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    return Tokenizer(WordLevel({"<s>": 0, "</s>": 1, "a": 2, "<unk>": 3}, unk_token="<unk>"))


def template(spec):
    """The template that transformers takes from a folder's files, and the text that it makes."""
    from transformers import PreTrainedTokenizerFast
    from transformers.processing_utils import ProcessorMixin
    from transformers.utils.chat_template_utils import render_jinja_template

    files = {name: content.encode() for name, content in spec["files"].items()}
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        small_tokenizer().save(str(place / "tokenizer.json"))
        for name, content in files.items():
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_bytes(content)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        processor, _ = ProcessorMixin.get_processor_dict(folder)
    found = processor.get("chat_template") or tokenizer.chat_template
    if found is None:
        return files, {"template": None}
    if isinstance(found, dict):
        found = found["default"]
    tokens = {"bos_token": spec["begin"], "eos_token": spec["end"]}
    rendered, _ = render_jinja_template([spec["messages"]], chat_template=found, add_generation_prompt=spec["prompt"], **tokens)
    return files, {"template": found, "text": rendered[0]}


def tokens(spec):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(REFERENCE / spec["tokenizer"] / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    ids = tokenizer.encode(spec["text"]).ids
    answer = {"ids": ids, "bare": tokenizer.encode(spec["text"], add_special_tokens=False).ids}
    return {}, answer | {"decoded": tokenizer.decode(ids, skip_special_tokens=True)}


def make(kind, spec):
    return {"csv": table, "template": template, "tokens": tokens}[kind](spec)
