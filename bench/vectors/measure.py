"""One phase on one store, in a process of its own, so that memory means one store and no cache is left to the next: it
prints rows, each a line of JSON. `koru-bench vectors` prints the same.

    {"store", "set", "row", "value", "unit", "recall", "at", "fewest"}

`at` is the ef, or how many were taken again in full; `fewest` the least rows that came back. A line {"failure"} tells
what a store refused.
"""

from __future__ import annotations

import importlib
import json
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sets import F32, I32, K, Prepared, recall
from stores import STORES, Filter, Ids, Store, Unsupported

SECONDS_MAX = 2.0
"""When a pass over the queries ends: who is slow is asked fewer."""
SECONDS_SOUGHT = 1.0
"""The same while the ef is looked for."""
STEP, STEP_FILTERED = 100, 10
"""Queries in a call, of those who take several: few enough that a pass ends when it is to."""
QUERIES_MIN = 100
"""A pass has so many, however slow: a recall of fewer is an accident."""
SECONDS_MIN = 1.0
"""How long is measured, in passes."""
EF_MAX = 2048
RECALLS = {"graph": [0.95, 0.99], "codes": [0.99, 0.999], "flat": [0.0]}
"""What a row's queries per second are at: the least ef that gives so much."""
RECALL_FILTERED = 0.99


class Out:
    def __init__(self, store: str, set_name: str) -> None:
        self.same = {"store": store, "set": set_name}

    def row(self, row: str, value: float, unit: str, **more: float | None) -> None:
        given = {name: figure for name, figure in more.items() if figure is not None}
        print(json.dumps(self.same | {"row": row, "value": value, "unit": unit} | given), flush=True)


def run(phase: str, store: str, folder: Path, path: Path) -> None:
    prepared, out, made = Prepared(folder), Out(store, folder.name), STORES[store]()
    {"build": build, "seek": seek, "search": search, "open": first}[phase](made, prepared, path, out)


def build(store: Store, prepared: Prepared, path: Path, out: Out) -> None:
    path.mkdir(parents=True)
    prepared.base.sum()  # so that it is in memory
    cpu, start = cpu_seconds(), time.perf_counter()
    store.build(prepared, path)
    of = suffix(store)
    out.row(f"build{of}", time.perf_counter() - start, "s")
    out.row(f"build-cpu{of}", cpu_seconds() - cpu, "s")
    out.row(f"disk{of}", disk_bytes(path) / len(prepared.base), "B")


def suffix(store: Store) -> str:
    """Rows of another kind of search are rows of their own."""
    return "" if store.kind == "graph" else f"-{store.kind}"


def first(store: Store, prepared: Prepared, path: Path, out: Out) -> None:
    """Opening and the first search, with the library's code loaded and the files in the system's cache."""
    query, dimension = prepared.queries[:1], prepared.base.shape[1]
    for file in path.rglob("*"):
        if file.is_file():
            file.read_bytes()
    warm_up(store)
    start = time.perf_counter()
    store.open(path, dimension)
    store.search(query, 64)
    out.row(f"open{suffix(store)}", time.perf_counter() - start, "s")


def warm_up(store: Store) -> None:
    """Loads the library."""
    importlib.import_module({"faiss-cpu": "faiss", "sqlite-vec": "sqlite_vec"}.get(store.package, store.package))
    if store.package == "usearch":
        importlib.import_module("usearch.index")


def search(store: Store, prepared: Prepared, path: Path, out: Out) -> None:
    warm_up(store)
    before = anonymous_bytes()
    store.open(path, prepared.base.shape[1])
    store.search(prepared.queries[:100], 64)
    out.row(f"memory{suffix(store)}", (anonymous_bytes() - before) / len(prepared.base), "B")
    efs = Efs(path.with_suffix(".ef.json"))
    for work in works(store, prepared):
        try:
            ef = efs.least(work)
            figure, found = rate(work.ask, ef)
            more = {"fewest": min(map(len, found)), "rows": work.rows} if work.rows else {}
            at = None if work.name == "flat" else ef
            out.row(work.name, figure, "/s", recall=recall(found, work.truth), at=at, **more)
        except Unsupported:
            break
        except Exception as error:  # noqa: BLE001 - whatever a peer raises for what it does not do is told, and the rest goes on
            print(json.dumps({"failure": f"{work.name}: {error}"}), flush=True)


def seek(store: Store, prepared: Prepared, path: Path, out: Out) -> None:
    """Only looks for the efs."""
    store.open(path, prepared.base.shape[1])
    efs = Efs(path.with_suffix(".ef.json"))
    for work in works(store, prepared):
        try:
            efs.least(work)
        except Unsupported:
            break
        except Exception:  # noqa: BLE001 - told when it is measured
            continue


class Work(NamedTuple):
    """A row of the table: what is asked, and what its queries per second are at."""

    name: str
    ask: Ask
    truth: I32
    wanted: float
    rows: int | None
    """How many rows a filter takes."""


def works(store: Store, prepared: Prepared) -> Iterator[Work]:
    ask = passes(prepared.queries, store.search, STEP if store.batch else 1)
    for wanted in RECALLS[store.kind]:
        name = store.kind if store.kind == "flat" else f"{store.kind}-{wanted}"
        yield Work(name, ask, prepared.truth, wanted, None)
    for given in prepared.filters:
        queries, truth = prepared.queries[prepared.load(given["queries"])], prepared.load(given["truth"])
        filtered = partial(store.filtered, Filter(given, prepared.fields))
        ask = passes(queries, filtered, STEP_FILTERED if store.batch else 1)
        wanted = 0.0 if store.kind == "flat" else RECALL_FILTERED
        yield Work(f"filter {given['name']}", ask, truth, wanted, given["rows"])


class Efs:
    """The ef of each row: looked for once, and the same in all rounds."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.known: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}

    def least(self, work: Work) -> int:
        if work.name not in self.known:
            self.known[work.name] = least_ef(work.ask, work.truth, work.wanted)
            self.file.write_text(json.dumps(self.known))
        return self.known[work.name]


Ask = Callable[[int, float], tuple[Ids, float]]
"""One pass over the queries, with an ef and for so many seconds: what was found, and the seconds that it took."""


def passes(queries: F32, call: Callable[[F32, int], Ids], step: int) -> Ask:
    def one_pass(ef: int, most: float) -> tuple[Ids, float]:
        found: Ids = []
        start = time.perf_counter()
        for at in range(0, len(queries), step):
            found += call(queries[at : at + step], ef)
            if time.perf_counter() - start > most and len(found) >= QUERIES_MIN:
                break
        return found, time.perf_counter() - start

    return one_pass


def least_ef(ask: Ask, truth: I32, wanted: float) -> int:
    """The least ef that gives the recall that is wanted. If none does, the one that gives the most."""
    below, ef, tried = K - 1, K, []

    def reached(ef: int) -> float:
        return recall(ask(ef, SECONDS_SOUGHT)[0], truth)

    while (here := reached(ef)) < wanted:
        tried.append((here, -ef))
        if ef >= EF_MAX:
            return -max(tried)[1]
        below, ef = ef, ef * 2
    while ef - below > max(1, ef // 20):
        middle = (below + ef) // 2
        if reached(middle) >= wanted:
            ef = middle
        else:
            below = middle
    # Whoever is slow was asked few queries; all of them decide.
    while ef < EF_MAX and recall(ask(ef, SECONDS_MAX)[0], truth) < wanted:
        ef += max(1, ef // 20)
    return ef


def rate(ask: Ask, ef: int) -> tuple[float, Ids]:
    """Queries per second, the median of the passes, and what they found."""
    rates: list[float] = []
    spent = 0.0
    while True:
        found, seconds = ask(ef, SECONDS_MAX)
        rates.append(len(found) / seconds)
        spent += seconds
        if spent >= SECONDS_MIN and (len(rates) >= 3 or spent >= SECONDS_MAX / 2):
            return statistics.median(rates), found


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def anonymous_bytes() -> int:
    """What the process allocated: neither its code nor the rows, which are mapped."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) * 1024


def disk_bytes(path: Path) -> int:
    return sum(file.stat().st_blocks * 512 for file in path.rglob("*") if file.is_file())
