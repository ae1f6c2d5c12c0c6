"""The sets of vectors: read or generated once, and left in a folder as everybody reads them, Rust as well.

A prepared folder holds rows of unit length and what is asked of them:

    base.f32.npy query.f32.npy truth.i32.npy   the rows, the queries, the numbers of the ten nearest rows by cosine
    random near [topic].i32.npy                a field of each row, for filters
    filters.json                               a list of {name, field, from, below, queries, truth, rows}: the rows
                                               with a field of at least `from` and less than `below`

Everything is a function of the set, so a folder that is there is taken as it is.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

K = 10
"""How many are looked for, everywhere."""
SELECTIVITIES = [0.5, 0.1, 0.01, 0.001, 0.0001]
QUERIES_FILTERED = 200
"""Of each filter. With one that goes by a place, the queries that are nearest to it, and those furthest away."""
SETS = ["wordnet-minilm-100k", "glove-100k", "million"]
FORM = 1
"""Another number makes all folders anew."""


class Prepared:
    """A prepared folder, opened. Rows are mapped, not read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base: F32 = np.load(folder / "base.f32.npy", mmap_mode="r")
        self.queries: F32 = np.load(folder / "query.f32.npy")
        self.truth: I32 = np.load(folder / "truth.i32.npy")
        self.filters: list[dict[str, Any]] = json.loads((folder / "filters.json").read_text())
        names = sorted({f["field"] for f in self.filters})
        self.fields: dict[str, I32] = {name: self.load(f"{name}.i32.npy") for name in names}

    def load(self, name: str) -> I32:
        loaded: I32 = np.load(self.folder / name)
        return loaded


def prepare(name: str, data: Path, cache: Path, rows: int | None) -> Path:
    """Where the prepared set is, with only the first `rows` of it if that is given."""
    folder = cache / (f"{name}-{rows}" if rows else name)
    stamp = folder / "form"
    if stamp.exists() and stamp.read_text() == str(FORM):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    fields: dict[str, I32] = {}
    truth: I32 | None = None
    if name == "million":
        base, queries = million()
    else:
        base = next(np.load(file) for kind in ("f32", "f16") if (file := data / name / f"base.{kind}.npy").exists())
        queries = np.load(data / name / "query.f32.npy")
        truth = np.load(data / name / "truth-100.i32.npy")[:, :K]
        if (topics := data / name / "lexfile.u8.npy").exists():
            fields["topic"] = np.load(topics).astype(np.int32)
    base, queries = unit(base[:rows]), unit(queries)
    if truth is None or rows:
        truth = nearest(base, queries)
    np.save(folder / "base.f32.npy", base)
    np.save(folder / "query.f32.npy", queries)
    np.save(folder / "truth.i32.npy", truth)
    write_filters(folder, base, queries, {field: of[:rows] for field, of in fields.items()})
    stamp.write_text(str(FORM))
    return folder


def write_filters(folder: Path, base: F32, queries: F32, fields: dict[str, I32]) -> None:
    """Filters that know nothing of the queries, some that go with them, and some that go against them."""
    n = len(base)
    rng = np.random.default_rng(11)
    fields["random"] = rng.permutation(n).astype(np.int32)
    place = base[int(rng.integers(n))]
    fields["near"] = np.argsort(np.argsort(-(base @ place), kind="stable")).astype(np.int32)
    by_place = np.argsort(-(queries @ place), kind="stable").astype(np.int32)
    everyone = np.arange(QUERIES_FILTERED, dtype=np.int32)
    asked: list[tuple[str, str, int, int, I32]] = [
        (f"random {s * 100:g} %", "random", 0, max(1, round(n * s)), everyone) for s in SELECTIVITIES
    ]
    for s in (0.1, 0.01, 0.001):
        below = max(1, round(n * s))
        asked.append((f"{s * 100:g} % around the query", "near", 0, below, by_place[:QUERIES_FILTERED]))
        asked.append((f"{s * 100:g} % away from the query", "near", 0, below, by_place[-QUERIES_FILTERED:]))
    if "topic" in fields:
        counts = np.bincount(fields["topic"])
        largest, about_1 = int(counts.argmax()), int(np.abs(counts - n / 100).argmin())
        for topic in (largest, about_1):
            asked.append((f"topic of {counts[topic] / n:.1%}", "topic", topic, topic + 1, everyone))
    for field, of in fields.items():
        np.save(folder / f"{field}.i32.npy", of)
    filters = []
    for number, (name, field, start, below, which) in enumerate(asked):
        rows = np.flatnonzero((fields[field] >= start) & (fields[field] < below)).astype(np.int32)
        found = rows[nearest(base[rows], queries[which])]
        files = {"queries": f"filter-{number}-queries.i32.npy", "truth": f"filter-{number}-truth.i32.npy"}
        np.save(folder / files["queries"], np.ascontiguousarray(which))
        np.save(folder / files["truth"], found)
        filters.append({"name": name, "field": field, "from": start, "below": below, "rows": len(rows), **files})
    (folder / "filters.json").write_text(json.dumps(filters, indent=1))


def unit(rows: NDArray[Any]) -> F32:
    rows = rows.astype(np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths == 0, 1, lengths), np.float32)


def nearest(base: F32, queries: F32) -> I32:
    """The numbers of the nearest rows by cosine, best first, of equal ones the first; `K` if there are so many."""
    found = []
    for first in range(0, len(queries), 100):
        scores = queries[first : first + 100] @ base.T
        few = min(K, len(base))
        best = np.argpartition(-scores, few - 1, axis=1)[:, :few]
        order = np.lexsort((best, -np.take_along_axis(scores, best, axis=1)), axis=1)
        found.append(np.take_along_axis(best, order, axis=1).astype(np.int32))
    return np.concatenate(found)


def recall(found: list[list[int]], truth: I32) -> float:
    """The share of the true ones that was found, of those queries that were asked."""
    wanted = truth[: len(found)]
    hits = sum(len(set(one) & set(right.tolist())) for one, right in zip(found, wanted, strict=True))
    return hits / max(1, wanted.size)


def million() -> tuple[F32, F32]:
    """1,000,000 x 128: a mixture of two levels in 20 dimensions, their sizes as Zipf has them, through a fixed random
    network with a decaying spectrum, and noise. Its local dimension is like that of real embeddings."""
    n, d, latent, k1, k2 = 1_001_000, 128, 20, 64, 40
    r = np.random.Generator(np.random.PCG64(20240607))
    f = np.float32
    c1 = r.standard_normal((k1, latent)).astype(f) * 1.6
    c2 = (c1[:, None] + 0.9 * r.standard_normal((k1, k2, latent)).astype(f)).reshape(-1, latent)
    w = 1 / np.arange(1, k1 * k2 + 1) ** 0.6
    w /= w.sum()
    w = w[r.permutation(k1 * k2)]
    a = r.standard_normal((latent, 96)).astype(f) / np.sqrt(latent)
    b = r.standard_normal((96, d)).astype(f) / np.sqrt(96) * (np.arange(1, d + 1) ** -0.35).astype(f)
    spread = (0.35 + 0.5 * r.random((k1 * k2, 1))).astype(f)
    x = np.empty((n, d), f)
    for s in range(0, n, 100_100):
        m = min(100_100, n - s)
        k = r.choice(k1 * k2, m, p=w)
        y = np.tanh((c2[k] + spread[k] * r.standard_normal((m, latent)).astype(f)) @ a) @ b
        y += 0.2 * y.std() * r.standard_normal((m, d)).astype(f)
        x[s : s + m] = y / np.linalg.norm(y, axis=1, keepdims=True)
    p = np.random.default_rng(7).permutation(n)
    return x[np.sort(p[1000:])], x[p[:1000]]
