"""The peers: how each is filled, opened and asked, with the parameters that they share (M 16, efConstruction 200).

Rows are of unit length, so that the inner product is the cosine. What a peer does not have raises `Unsupported`.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sets import F32, I32, K, Prepared

M, EF_CONSTRUCTION, BUILD_THREADS = 16, 200, 2
Ids = list[list[int]]


class Unsupported(Exception):
    """The peer has no such thing."""


class Filter:
    """Rows whose field is in a range, in the forms that peers take."""

    def __init__(self, given: dict[str, Any], fields: dict[str, I32]) -> None:
        self.field, self.start, self.below = given["field"], given["from"], given["below"]
        values = fields[self.field]
        self.mask: NDArray[np.bool_] = (values >= self.start) & (values < self.below)
        # A bytearray answers a callback fastest.
        self.flags = bytearray(self.mask.astype(np.uint8))
        # Made once, as koru keeps what a filter takes: it is not part of a search.
        self.bitmap = np.packbits(self.mask, bitorder="little")
        self.k = min(K, int(self.mask.sum()))


class Store:
    name: str
    package: str
    kind = "graph"
    """`graph`, `flat` (exact) or `codes` (all codes, and the best again in full)."""
    batch = True
    """Whether all queries go in one call. In a scan they would share the reading, so scans get them one by one."""
    large = True
    """Whether the million is within reach."""

    def build(self, prepared: Prepared, path: Path) -> None:
        raise NotImplementedError

    def open(self, path: Path, dimension: int) -> None:
        raise NotImplementedError

    def search(self, queries: F32, ef: int) -> Ids:
        raise NotImplementedError

    def filtered(self, by: Filter, queries: F32, ef: int) -> Ids:
        raise Unsupported

    @classmethod
    def description(cls) -> str:
        from importlib.metadata import version

        return f"{cls.name} ({cls.package} {version(cls.package)})"


def module(name: str) -> Any:
    """Imported when it is needed: each runs in a process of its own."""
    return importlib.import_module(name)


class Hnswlib(Store):
    name = package = "hnswlib"

    def build(self, prepared: Prepared, path: Path) -> None:
        n, dimension = prepared.base.shape
        index = module("hnswlib").Index("ip", dimension)
        index.init_index(n, M=M, ef_construction=EF_CONSTRUCTION)
        index.set_num_threads(BUILD_THREADS)
        index.add_items(prepared.base)
        index.save_index(str(path / "index"))

    def open(self, path: Path, dimension: int) -> None:
        self.index = module("hnswlib").Index("ip", dimension)
        self.index.load_index(str(path / "index"))
        self.index.set_num_threads(1)

    def search(self, queries: F32, ef: int) -> Ids:
        self.index.set_ef(max(ef, K))
        ids: Ids = self.index.knn_query(queries, K)[0].tolist()
        return ids

    def filtered(self, by: Filter, queries: F32, ef: int) -> Ids:
        self.index.set_ef(max(ef, K))
        flags = by.flags
        found: Ids = []
        for query in queries:
            try:
                found.append(self.index.knn_query(query, by.k, filter=lambda label: flags[label] == 1)[0][0].tolist())
            except RuntimeError:
                # Fewer than asked for were found, and then there are none.
                found.append([])
        return found


class Usearch(Store):
    name = package = "usearch"
    dtype = "f32"

    def index(self, dimension: int) -> Any:
        made = module("usearch.index").Index(
            ndim=dimension, metric="cos", dtype=self.dtype, connectivity=M, expansion_add=EF_CONSTRUCTION
        )
        return made

    def build(self, prepared: Prepared, path: Path) -> None:
        index = self.index(prepared.base.shape[1])
        index.add(np.arange(len(prepared.base)), prepared.base, threads=BUILD_THREADS)
        index.save(str(path / "index"))

    def open(self, path: Path, dimension: int) -> None:
        self.opened = self.index(dimension)
        self.opened.load(str(path / "index"))

    def search(self, queries: F32, ef: int) -> Ids:
        self.opened.expansion_search = ef
        ids: Ids = self.opened.search(queries, K, threads=1).keys.reshape(len(queries), -1).tolist()
        return ids


class UsearchI8(Usearch):
    name = "usearch-i8"
    dtype = "i8"


class Faiss(Store):
    package = "faiss-cpu"
    graph = False

    def make(self, faiss: Any, dimension: int) -> Any:
        raise NotImplementedError

    def parameters(self, faiss: Any, ef: int, selector: Any) -> Any:
        return faiss.SearchParameters(sel=selector)

    def build(self, prepared: Prepared, path: Path) -> None:
        faiss = module("faiss")
        faiss.omp_set_num_threads(BUILD_THREADS)
        index = self.make(faiss, prepared.base.shape[1])
        base = np.ascontiguousarray(prepared.base)
        if not index.is_trained:
            index.train(base)
        index.add(base)
        faiss.write_index(index, str(path / "index"))

    def open(self, path: Path, dimension: int) -> None:
        self.faiss = module("faiss")
        self.faiss.omp_set_num_threads(1)
        self.index = self.faiss.read_index(str(path / "index"))

    def search(self, queries: F32, ef: int) -> Ids:
        ids: Ids = self.index.search(queries, K, params=self.parameters(self.faiss, ef, None))[1].tolist()
        return ids

    def filtered(self, by: Filter, queries: F32, ef: int) -> Ids:
        selector = self.faiss.IDSelectorBitmap(by.bitmap)
        ids = self.index.search(queries, K, params=self.parameters(self.faiss, ef, selector))[1].tolist()
        return [[one for one in row if one >= 0] for row in ids]


class FaissHnsw(Faiss):
    name = "faiss-hnsw"

    def make(self, faiss: Any, dimension: int) -> Any:
        index = faiss.IndexHNSWFlat(dimension, M, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = EF_CONSTRUCTION
        return index

    def parameters(self, faiss: Any, ef: int, selector: Any) -> Any:
        return faiss.SearchParametersHNSW(efSearch=ef, sel=selector)


class FaissHnswSq8(FaissHnsw):
    name = "faiss-hnsw-sq8"

    def make(self, faiss: Any, dimension: int) -> Any:
        index = faiss.IndexHNSWSQ(dimension, faiss.ScalarQuantizer.QT_8bit, M, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = EF_CONSTRUCTION
        return index


class FaissFlat(Faiss):
    name = "faiss-flat"
    kind = "flat"
    batch = False

    def make(self, faiss: Any, dimension: int) -> Any:
        return faiss.IndexFlatIP(dimension)


class FaissSq8(Faiss):
    """Codes of 8 bits, and the best of them again in full."""

    name = "faiss-sq8"
    kind = "codes"
    batch = False
    codes = "SQ8"

    def make(self, faiss: Any, dimension: int) -> Any:
        return faiss.index_factory(dimension, f"{self.codes},RFlat", faiss.METRIC_INNER_PRODUCT)

    def parameters(self, faiss: Any, ef: int, selector: Any) -> Any:
        inner = faiss.SearchParameters(sel=selector)
        return faiss.IndexRefineSearchParameters(k_factor=ef / K, base_index_params=inner)


class FaissPq4(FaissSq8):
    """Codes of 4 bits for every two dimensions, scanned by table lookups (FastScan), which takes no filter."""

    name = "faiss-pq4"

    def make(self, faiss: Any, dimension: int) -> Any:
        self.codes = f"PQ{dimension // 2}x4fs"
        return super().make(faiss, dimension)

    def parameters(self, faiss: Any, ef: int, selector: Any) -> Any:
        if selector is not None:
            raise Unsupported
        return faiss.IndexRefineSearchParameters(k_factor=ef / K)


class SqliteVec(Store):
    name = package = "sqlite-vec"
    kind = "flat"
    batch = False
    large = False

    def connect(self, path: Path) -> Any:
        # Many builds of Python have a `sqlite3` that loads no extensions.
        db = module("apsw").Connection(str(path / "vectors.sqlite"))
        db.enable_load_extension(True)
        module("sqlite_vec").load(db)
        return db

    def build(self, prepared: Prepared, path: Path) -> None:
        names = list(prepared.fields)
        with self.connect(path) as db:
            columns = "".join(f", {name} integer" for name in names)
            dimension = prepared.base.shape[1]
            db.execute(f"create virtual table v using vec0(vector float[{dimension}] distance_metric=cosine{columns})")
            values = zip(*(prepared.fields[name].tolist() for name in names), strict=True)
            rows = ((n, row.tobytes(), *more) for n, (row, more) in enumerate(zip(prepared.base, values, strict=True)))
            marks = ", ?" * len(names)
            db.executemany(f"insert into v (rowid, vector, {', '.join(names)}) values (?, ?{marks})", rows)

    def open(self, path: Path, dimension: int) -> None:
        self.db = self.connect(path)
        self.db.execute(f"pragma cache_size = -{2 << 20}")

    def ask(self, queries: F32, more: str) -> Ids:
        text = f"select rowid from v where vector match ? and k = {K}{more}"
        return [[row[0] for row in self.db.execute(text, (query.tobytes(),))] for query in queries]

    def search(self, queries: F32, ef: int) -> Ids:
        return self.ask(queries, "")

    def filtered(self, by: Filter, queries: F32, ef: int) -> Ids:
        return self.ask(queries, f" and {by.field} >= {by.start} and {by.field} < {by.below}")


class Lancedb(Store):
    name = package = "lancedb"
    batch = False
    large = False

    def build(self, prepared: Prepared, path: Path) -> None:
        pa = module("pyarrow")
        base = np.ascontiguousarray(prepared.base)
        n, dimension = base.shape
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(base.reshape(-1)), dimension)
        columns = {"id": pa.array(np.arange(n, dtype=np.int32)), "vector": vectors}
        columns |= {name: pa.array(values) for name, values in prepared.fields.items()}
        table = module("lancedb").connect(str(path)).create_table("v", data=pa.table(columns))
        table.create_index(
            metric="cosine", index_type="IVF_HNSW_SQ", num_partitions=1, m=M, ef_construction=EF_CONSTRUCTION
        )
        for name in prepared.fields:
            table.create_scalar_index(name)

    def open(self, path: Path, dimension: int) -> None:
        self.table = module("lancedb").connect(str(path)).open_table("v")

    def ask(self, query: F32, ef: int, where: str | None) -> list[int]:
        # In full again, as many as were looked at.
        asked = self.table.search(query).nprobes(1).ef(ef).refine_factor(max(1, min(ef // K, 10))).limit(K)
        if where:
            asked = asked.where(where, prefilter=True)
        ids: list[int] = asked.select(["id", "_distance"]).to_arrow()["id"].to_pylist()
        return ids

    def search(self, queries: F32, ef: int) -> Ids:
        return [self.ask(query, ef, None) for query in queries]

    def filtered(self, by: Filter, queries: F32, ef: int) -> Ids:
        where = f"{by.field} >= {by.start} AND {by.field} < {by.below}"
        return [self.ask(query, ef, where) for query in queries]


class Chromadb(Store):
    name = package = "chromadb"
    batch = False
    large = False

    def client(self, path: Path) -> Any:
        chromadb = module("chromadb")
        return chromadb.PersistentClient(str(path), chromadb.Settings(anonymized_telemetry=False))

    def build(self, prepared: Prepared, path: Path) -> None:
        client = self.client(path)
        space = {"space": "cosine", "max_neighbors": M, "ef_construction": EF_CONSTRUCTION}
        collection = client.create_collection("vectors", configuration={"hnsw": space | {"num_threads": BUILD_THREADS}})
        n, step = len(prepared.base), client.get_max_batch_size()
        for first in range(0, n, step):
            ids = range(first, min(n, first + step))
            metadata = [{name: int(of[one]) for name, of in prepared.fields.items()} for one in ids]
            collection.add([str(one) for one in ids], np.array(prepared.base[first : first + step]), metadata)

    def open(self, path: Path, dimension: int) -> None:
        self.collection = self.client(path).get_collection("vectors")
        self.ef = 0

    def ask(self, queries: F32, ef: int, where: dict[str, Any] | None) -> Ids:
        if ef != self.ef:
            self.collection.modify(configuration={"hnsw": {"ef_search": ef}})
            self.ef = ef
        found = [self.collection.query(query, n_results=K, where=where, include=[])["ids"][0] for query in queries]
        return [[int(one) for one in ids] for ids in found]

    def search(self, queries: F32, ef: int) -> Ids:
        return self.ask(queries, ef, None)

    def filtered(self, by: Filter, queries: F32, ef: int) -> Ids:
        return self.ask(queries, ef, {"$and": [{by.field: {"$gte": by.start}}, {by.field: {"$lt": by.below}}]})


ALL: list[type[Store]] = [
    *(Hnswlib, Usearch, UsearchI8, FaissHnsw, FaissHnswSq8, Lancedb, Chromadb),
    *(FaissFlat, SqliteVec, FaissSq8, FaissPq4),
]
STORES = {store.name: store for store in ALL}
