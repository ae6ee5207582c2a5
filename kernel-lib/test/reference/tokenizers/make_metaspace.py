"""What the tokenizers library makes of texts whose spaces are marked (Metaspace), in the forms that files have had through the years.

Run it in this folder with the packages of ../requirements.txt:  python make_metaspace.py
"""

import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import Unigram

MARK = "\u2581"
WORDS = f"{MARK} {MARK}the {MARK}cat {MARK}a a b {MARK}b h e l o w r d {MARK}hello {MARK}world ! s t at {MARK}on on {MARK}mat m x {MARK}x 12 5"
TEXTS = ["a b", "  a  b ", "hello  world!", f"a{MARK}b", "the cat on the mat", "x <mask> x", "<mask>a <mask> b<mask>", "a\tb\n12.5", " b", "ü a ü"]
OLD = {"replacement": MARK, "add_prefix_space": True}
FORMS = {
    "since 2024, whole texts": [{"replacement": MARK, "prepend_scheme": "first", "split": False}],
    "since 2024, words": [{"replacement": MARK, "prepend_scheme": "always", "split": True}],
    "words, the first marked": [{"replacement": MARK, "prepend_scheme": "first"}],
    "until 2023": [OLD],
    "until 2021": [{**OLD, "str_rep": "_"}],
    "until 2023, words apart": ["WhitespaceSplit", OLD],
}


def main():
    vocabulary = [("<unk>", 0.0)] + [(word, -1.0 - (i * 7 % 11) / 3) for i, word in enumerate(WORDS.split(" "))]
    plain = Tokenizer(Unigram(vocabulary, unk_id=0))
    plain.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    whole = json.loads(plain.to_str())
    forms = []
    for name, steps in FORMS.items():
        steps = [{"type": step} if isinstance(step, str) else {"type": "Metaspace", **step} for step in steps]
        step = steps[0] if len(steps) == 1 else {"type": "Sequence", "pretokenizers": steps}
        fields = {"pre_tokenizer": step, "decoder": steps[-1]}
        tokenizer = Tokenizer.from_str(json.dumps({**whole, **fields}))
        ids = [tokenizer.encode(text).ids for text in TEXTS]
        forms.append({"name": name, **fields, "ids": ids, "decoded": [tokenizer.decode(each) for each in ids]})
    content = {"tokenizer": whole, "texts": TEXTS, "forms": forms}
    Path(__file__).with_name("metaspace.json").write_text(json.dumps(content, ensure_ascii=False) + "\n")


main()
