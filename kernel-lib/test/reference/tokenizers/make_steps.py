"""What the tokenizers library makes of rare signs: white space that JavaScript does not know and the reverse, a last sigma, Chinese
signs beyond 16 bits.

Run it in this folder with the packages of ../requirements.txt:  python make_steps.py
"""

import json
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

TEXTS = ["\ufeffa!\ufeff b", "a\u0085b\u0085 !", "\u0085 a\ufeff", " \U0001f600a b", "ΑΣ Σ ς", "a\U00020000b\u4e2d \U0002ceaf", "", " "]
SIGNS = sorted(set("".join(TEXTS)) | set("ας"))
CHARACTERS = {
    "white space apart": {"pre_tokenizer": {"type": "WhitespaceSplit"}},
    "words of BERT": {"pre_tokenizer": {"type": "BertPreTokenizer"}},
    "ends stripped": {"normalizer": {"type": "Strip", "strip_left": True, "strip_right": True}},
    "beginning stripped": {"normalizer": {"type": "Strip", "strip_left": True, "strip_right": False}},
    "lower case": {"normalizer": {"type": "Lowercase"}},
    "BERT": {"normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}},
    "BERT as written": {"normalizer": {"type": "BertNormalizer", "clean_text": False, "handle_chinese_chars": False, "strip_accents": None, "lowercase": False}},
}
LEVEL = {"type": "ByteLevel", "trim_offsets": True}
BYTES = {
    "bytes, words": {"pre_tokenizer": {**LEVEL, "add_prefix_space": False, "use_regex": True}},
    "bytes, a space before": {"pre_tokenizer": {**LEVEL, "add_prefix_space": True, "use_regex": True}},
    "bytes, a space before, one piece": {"pre_tokenizer": {**LEVEL, "add_prefix_space": True, "use_regex": False}},
}


def numbered(names):
    return {name: i for i, name in enumerate(names)}


def main():
    level = sorted(ByteLevel.alphabet())
    merges = [("!", "ï"), ("Ġ", "Ġ"), ("Ġ", "!"), ("a", "ï"), ("Ġ", "a"), ("Â", "ħ")]
    bases = {
        "characters": Tokenizer(BPE(numbered(["<unk>", *SIGNS]), [], unk_token="<unk>")),
        "bytes": Tokenizer(BPE(numbered([*level, *(a + b for a, b in merges)]), merges)),
    }
    files = {name: json.loads(each.to_str()) for name, each in bases.items()}
    forms = []
    for base, steps in [("characters", CHARACTERS), ("bytes", BYTES)]:
        for name, fields in steps.items():
            tokenizer = Tokenizer.from_str(json.dumps({**files[base], **fields}))
            forms.append({"name": name, "base": base, "steps": fields, "ids": [tokenizer.encode(text).ids for text in TEXTS]})
    content = {"tokenizers": files, "texts": TEXTS, "forms": forms}
    Path(__file__).with_name("steps.json").write_text(json.dumps(content) + "\n")


main()
