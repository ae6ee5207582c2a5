"""hnswlib and faiss over the same rows, each on one thread; graphs are searched just widely enough for the wanted recall."""

import faiss
import hnswlib
import numpy as np
from safetensors.torch import load_file

_inputs = {}
_built = {}


def _load(folder):
    if not _inputs:
        file = next(path for path in (folder / f"{case}.safetensors" for case in ("hnsw_build", "hnsw_search", "exact_search")) if path.exists())
        tensors = load_file(file)
        _inputs.update(data=tensors["data"].numpy(), truth=tensors["truth"].numpy().astype(int))
    return _inputs["data"], _inputs["truth"]


class Hnswlib:
    def __init__(self, data, m, construction):
        self.index = hnswlib.Index("ip", data.shape[1])
        self.index.init_index(len(data), M=m, ef_construction=construction, random_seed=7)
        self.index.add_items(data, num_threads=1)

    def widen(self, ef):
        self.index.set_ef(ef)

    def search(self, queries):
        return self.index.knn_query(queries, k=10, num_threads=1)[0]


class Faiss:
    def __init__(self, data, m, construction):
        self.index = faiss.IndexHNSWFlat(data.shape[1], m, faiss.METRIC_INNER_PRODUCT)
        self.index.hnsw.efConstruction = construction
        self.index.add(data)

    def widen(self, ef):
        self.index.hnsw.efSearch = ef

    def search(self, queries):
        return self.index.search(queries, 10)[1]


KINDS = {"hnswlib": Hnswlib, "faiss": Faiss}


def _widen(graph, request, queries, truth):
    for ef in request["widths"]:
        graph.widen(ef)
        recall = np.mean([len(set(found) & set(best)) / 10 for found, best in zip(graph.search(queries), truth)])
        if recall >= request["recall"]:
            return
    raise RuntimeError(f"{request['case']} must reach recall {request['recall']}; got {recall:.3f}")


def open_case(request, folder, _checkpoints):
    faiss.omp_set_num_threads(1)
    data, truth = _load(folder)
    points = request["points"]
    kind, work = request["case"].split("_")

    if work == "exact":
        flat = faiss.IndexFlatIP(data.shape[1])
        flat.add(data[:points])
        return lambda: len(flat.search(data[points:], 10)[1])

    def build():
        _built[kind] = KINDS[kind](data[:points], request["m"], request["efConstruction"])
        return points

    def search():
        return len(_built[kind].search(data[points:]))

    if work == "build":
        return build
    if kind not in _built:
        build()
    _widen(_built[kind], request, data[points:], truth)
    return search
