"""papermill with TypeScript: `python kernel-lib/papermill/typescript_papermill.py in.ipynb out.ipynb -p seed 7`.

papermill writes a notebook's parameters in the language of its kernel, and knows no TypeScript by itself. This program tells
it how, then is papermill's own command line. Parameters are assigned, not declared: the cell tagged "parameters" declares
them, so that a value of another type is refused by the type checker.
"""

import json

from papermill.cli import papermill
from papermill.translators import Translator, papermill_translators


class TypeScriptTranslator(Translator):
    """Values as TypeScript: JSON, but for numbers that JSON does not know."""

    @classmethod
    def translate_none(cls, val):
        return "null"

    @classmethod
    def translate_bool(cls, val):
        return "true" if val else "false"

    @classmethod
    def translate_float(cls, val):
        if val != val:
            return "Number.NaN"
        if val in (float("inf"), float("-inf")):
            return "Number.POSITIVE_INFINITY" if val > 0 else "Number.NEGATIVE_INFINITY"
        return repr(val)

    @classmethod
    def translate_str(cls, val):
        return json.dumps(val)

    @classmethod
    def translate_escaped_str(cls, str_val):
        return json.dumps(str(str_val))

    @classmethod
    def translate_dict(cls, val):
        entries = [f"{json.dumps(str(key))}: {cls.translate(each)}" for key, each in val.items()]
        return "{ " + ", ".join(entries) + " }"

    @classmethod
    def translate_list(cls, val):
        return "[" + ", ".join(cls.translate(each) for each in val) + "]"

    @classmethod
    def comment(cls, cmt_str):
        return f"// {cmt_str}".strip()

    @classmethod
    def assign(cls, name, str_val):
        return f"{name} = {str_val};"


papermill_translators.register("typescript", TypeScriptTranslator)

if __name__ == "__main__":
    papermill()
