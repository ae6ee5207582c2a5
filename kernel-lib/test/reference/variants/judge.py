"""Makes files of drawn forms, and says what the programs they come from read in them.

One JSON object a line on standard input: {"format": …, "spec": …}, drawn by kernel-lib/test/variants. One a line on standard output:
{"files": {name: base64}, "answer": …}, or {"invalid": reason} where the program itself does not write or read such a file.

Run with the packages of ../requirements.txt:  python judge.py
"""

import base64
import importlib
import json
import os
import sys
import warnings

# which module makes which format; each has a function make(spec) -> (files, answer)
MODULES = {
    "dicom": "display",
    "picture": "pictures",
    "parquet": "parquet",
    "csv": "texts",
    "template": "texts",
    "tokens": "texts",
    "npz": "arrays",
    "safetensors": "arrays",
    "clip": "configurations",
    "qwen2-vl": "configurations",
    "pixtral": "configurations",
    "generation": "configurations",
    "processor": "processors",
    "adapter": "adapters",
}


def judge(request):
    module = importlib.import_module(MODULES[request["format"]])
    try:
        files, answer = module.make(request["format"], request["spec"])
    except Exception as error:  # the program itself takes no such file
        return {"invalid": f"{type(error).__name__}: {error}"[:300]}
    return {"files": {name: base64.b64encode(content).decode() for name, content in files.items()}, "answer": answer}


def main():
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(1), "w")  # libraries may print; the answers have a way of their own
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(judge(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
