"""papermill with TypeScript: `papermill in.ipynb out.ipynb -p seed 7`, where this package is installed.

papermill writes a notebook's parameters in the language of its kernel, and knows no TypeScript by itself. It imports this
module when it starts (as the place of an engine, which is papermill's own) and so learns how. Parameters are assigned, not
declared: the cell tagged "parameters" declares them, so that a value of another type is refused by the type checker.
"""

import json
import re

from papermill.engines import NBClientEngine  # noqa: F401 - what the entry point names
from papermill.models import Parameter
from papermill.translators import Translator, papermill_translators

DECLARED = re.compile(
    r"\s*(?:export\s+)?(?:let|var)\s+(?P<name>[\w$]+)\s*(?::\s*(?P<type>[^=]+?)\s*)?=\s*(?P<value>.+?);?\s*(?://\s*(?P<help>.*))?$"
)


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
    def inspect(cls, parameters_cell):
        """What the cell declares, for `papermill --help-notebook` and to tell unknown parameters."""
        found = (DECLARED.match(line) for line in parameters_cell.source.splitlines())
        return [
            Parameter(name=each["name"], inferred_type_name=each["type"] or "None", default=each["value"], help=each["help"] or "")
            for each in found
            if each
        ]

    @classmethod
    def comment(cls, cmt_str):
        return f"// {cmt_str}".strip()

    @classmethod
    def assign(cls, name, str_val):
        return f"{name} = {str_val};"


papermill_translators.register("typescript", TypeScriptTranslator)
