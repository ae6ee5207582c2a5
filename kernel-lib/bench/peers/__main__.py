"""The other side of `npm run bench -- --with-peers`: the same work with PyTorch, transformers, PEFT, hnswlib and faiss.

Arguments: the folder with the checkpoints, the folder with one safetensors file of inputs per case.
Reads requests, one JSON object a line; does the work of each once and answers with a line of JSON: its seconds, the
processor time of all threads and a number of its result. A case is opened at its first request, before the clock starts.
"""

import importlib.metadata
import json
import os
import sys
import time
from pathlib import Path

import torch

import decoder
import embedding
import index
import reader
import start

CHECKPOINTS, INPUTS = Path(sys.argv[1]), Path(sys.argv[2])
PACKAGES = ("torch", "transformers", "peft", "hnswlib", "faiss-cpu", "numpy")
OPENERS = {
    "lora": reader.open_training,
    "full": reader.open_training,
    "score": reader.open_scoring,
    "generate": reader.open_generation,
    "clip": embedding.open_clip,
    "decoder": decoder.open_decoder,
    "matmul": decoder.open_matmul,
    "hnswlib_build": index.open_case,
    "hnswlib_search": index.open_case,
    "faiss_build": index.open_case,
    "faiss_search": index.open_case,
    "faiss_exact": index.open_case,
    "start": start.open_start,
    "memory": start.open_memory,
}


def main():
    if "OMP_NUM_THREADS" in os.environ:
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    print(json.dumps({"versions": versions, "python": sys.version.split()[0], "threads": torch.get_num_threads()}), flush=True)
    opened = {}
    for line in sys.stdin:
        request = json.loads(line)
        name, key = request["case"], request.get("inputs", request["case"])
        if name == "forget":
            opened.pop(request["key"])
            print("{}", flush=True)
            continue
        if key not in opened:
            opened[key] = OPENERS[name](request, INPUTS, CHECKPOINTS)
        begun, used = time.perf_counter(), time.process_time()
        result = opened[key]()
        seconds, cpu = time.perf_counter() - begun, time.process_time() - used
        print(json.dumps({"seconds": seconds, "cpu": cpu, "result": result}), flush=True)


if __name__ == "__main__":
    main()
