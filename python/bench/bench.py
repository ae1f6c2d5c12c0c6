"""Compares koru-delta with what Python programs keep documents in, in one run, and prints a table.

    cargo xtask bench python [--keys N] [--rounds N]

Everybody gets and returns values of Python: who stores text or bytes has them converted by `json`. Stores that survive
power loss are set to do so at every acknowledged write. `dict` is the ceiling: it stores nothing.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import diskcache
import lmdb
import tinydb
from tinydb import where

import koru_delta

Items = Iterable[tuple[str, dict[str, Any]]]


def document(n: int) -> dict[str, Any]:
    """About 230 bytes of JSON."""
    return {
        "id": n,
        "name": f"Person number {n}",
        "email": f"person{n}@example.org",
        "age": n % 90,
        "active": n % 3 == 0,
        "score": n / 7,
        "tags": ["alpha", "beta", f"tag {n % 100}"],
        "address": {"city": f"City {n % 1000}", "zip": f"{n % 100000:05}", "street": f"{n % 200} Long Road"},
    }


def items(first: int, count: int) -> list[tuple[str, dict[str, Any]]]:
    return [(f"person/{n:08}", document(n)) for n in range(first, first + count)]


class Koru:
    name = "koru"
    durable = True

    def __init__(self, path: Path) -> None:
        self.db = koru_delta.open(path, cache_bytes=2 << 30)
        self.documents = self.db.collection("people")
        self.get: Callable[[str], Any] = self.documents.get

    def put(self, key: str, value: Any) -> None:
        self.documents.put(key, value)

    def put_many(self, given: Items) -> None:
        self.documents.put_many(given)

    def close(self) -> None:
        self.db.close()


class Sqlite:
    name = "sqlite3"
    durable = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self.local = threading.local()
        with self.connection() as db:
            db.execute("CREATE TABLE IF NOT EXISTS people (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID")

    def connection(self) -> sqlite3.Connection:
        """A thread has a connection of its own, as its users are told."""
        db: sqlite3.Connection | None = getattr(self.local, "db", None)
        if db is None:
            db = self.local.db = sqlite3.connect(self.path, timeout=60)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute(f"PRAGMA cache_size = -{2 << 20}")
        return db

    def get(self, key: str) -> Any:
        row = self.connection().execute("SELECT value FROM people WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, key: str, value: Any) -> None:
        self.put_many([(key, value)])

    def put_many(self, given: Items) -> None:
        rows = ((key, json.dumps(value)) for key, value in given)
        with self.connection() as db:
            db.executemany("INSERT OR REPLACE INTO people VALUES (?, ?)", rows)

    def close(self) -> None:
        self.connection().close()


class Lmdb:
    name = "lmdb"
    durable = True

    def __init__(self, path: Path) -> None:
        self.env = lmdb.open(str(path), map_size=8 << 30)

    def get(self, key: str) -> Any:
        with self.env.begin(buffers=False) as tx:
            value = tx.get(key.encode())
        return None if value is None else json.loads(value)

    def put(self, key: str, value: Any) -> None:
        with self.env.begin(write=True) as tx:
            tx.put(key.encode(), json.dumps(value).encode())

    def put_many(self, given: Items) -> None:
        with self.env.begin(write=True) as tx, tx.cursor() as cursor:
            cursor.putmulti([(key.encode(), json.dumps(value).encode()) for key, value in given])

    def close(self) -> None:
        self.env.close()


class DiskCache:
    name = "diskcache"
    durable = True

    def __init__(self, path: Path) -> None:
        self.cache = diskcache.Cache(
            str(path), size_limit=1 << 40, cull_limit=0, statistics=0, sqlite_synchronous=2, timeout=60
        )

    def get(self, key: str) -> Any:
        return self.cache.get(key)

    def put(self, key: str, value: Any) -> None:
        self.cache.set(key, value)

    def put_many(self, given: Items) -> None:
        with self.cache.transact():
            for key, value in given:
                self.cache.set(key, value)

    def close(self) -> None:
        self.cache.close()


class TinyDb:
    """It writes its whole file at each change and searches by looking at everything, so it is given little."""

    name = "tinydb"
    durable = False

    def __init__(self, path: Path) -> None:
        self.db = tinydb.TinyDB(path)

    def get(self, key: str) -> Any:
        found = self.db.get(where("key") == key)
        return None if found is None else found["value"]  # type: ignore[index,call-overload]

    def put_many(self, given: Items) -> None:
        self.db.insert_multiple({"key": key, "value": value} for key, value in given)

    def close(self) -> None:
        self.db.close()


class Dict:
    name = "dict"
    durable = False

    def __init__(self, path: Path) -> None:
        self.documents: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.documents.get(key)

    def put_many(self, given: Items) -> None:
        self.documents.update(given)

    def close(self) -> None:
        pass


def latency_ns(call: Callable[[str], Any], keys: list[str]) -> tuple[float, float]:
    """The median and the 99th percentile of single calls, less the cost of the clock."""
    clock = time.perf_counter_ns
    costs = sorted(clock() - clock() for _ in range(1000))
    cost = -costs[len(costs) // 2]
    times = []
    for key in keys:
        begun = clock()
        call(key)
        times.append(clock() - begun - cost)
    times.sort()
    return times[len(times) // 2], times[len(times) * 99 // 100]


def rate_of_many(store: Any, given: Items, count: int) -> float:
    """Documents a second, written by one call."""
    begun = time.perf_counter()
    store.put_many(given)
    return count / (time.perf_counter() - begun)


def rate_of_puts(store: Any, writers: int, count: int) -> float:
    """Puts a second, each acknowledged before the next one of its thread."""
    value = document(0)

    def body(thread: int) -> None:
        for n in range(count):
            store.put(f"{thread}/{n}", value)

    running = [threading.Thread(target=body, args=(n,)) for n in range(writers)]
    begun = time.perf_counter()
    for each in running:
        each.start()
    for each in running:
        each.join()
    return writers * count / (time.perf_counter() - begun)


Figures = dict[str, dict[str, float]]


def measure(folder: Path, keys: int, rounds: int) -> Figures:
    figures: Figures = {}

    def note(work: str, name: str, figure: float) -> None:
        figures.setdefault(work, {})[name] = figure
        print(f"{work}: {name} {figure:,.0f}", file=sys.stderr)

    kinds = [Koru, Sqlite, Lmdb, DiskCache, Dict]
    stores: list[Any] = [kind(folder / kind.name) for kind in kinds]
    batch = 100_000
    for first in range(0, keys, batch):
        given = items(first, min(batch, keys - first))
        for store in stores:
            store.put_many(given)
    choice = random.Random(7)
    hot = [f"person/{choice.randrange(keys):08}" for _ in range(20_000)]
    medians: dict[str, list[tuple[float, float]]] = {}
    for store in stores:
        for key in hot:
            assert store.get(key) is not None
    for _ in range(rounds):
        for store in stores:
            medians.setdefault(store.name, []).append(latency_ns(store.get, hot))
    for name, found in medians.items():
        note("get, hot, p50 ns", name, statistics.median(p50 for p50, _ in found))
        note("get, hot, p99 ns", name, statistics.median(p99 for _, p99 in found))

    rates: dict[str, list[float]] = {}
    for turn in range(rounds):
        given = items(keys + turn * batch, batch)
        for store in stores:
            rates.setdefault(store.name, []).append(rate_of_many(store, given, batch))
    for name, many in rates.items():
        note("put_many of 100,000, documents/s", name, statistics.median(many))

    durable = [store for store in stores if store.durable]
    for writers in (1, 8):
        rates = {}
        for _ in range(rounds):
            for store in durable:
                rates.setdefault(store.name, []).append(rate_of_puts(store, writers, 400))
        for name, puts in rates.items():
            note(f"put, durable, {writers} threads, puts/s", name, statistics.median(puts))
    for store in stores:
        store.close()

    # A tenth, and few calls: see above.
    small = batch // 10
    with closing(TinyDb(folder / "tinydb.json")) as tiny:
        note(f"put_many of {small:,}, documents/s", tiny.name, rate_of_many(tiny, items(0, small), small))
        few = [f"person/{choice.randrange(small):08}" for _ in range(50)]
        note(f"get of {small:,}, p50 ns", tiny.name, latency_ns(tiny.get, few)[0])
    return figures


def import_ms() -> float:
    """What `import koru_delta` takes, the median of ten fresh processes."""
    took = []
    code = "import time; t = time.perf_counter(); import koru_delta; print(time.perf_counter() - t)"
    for _ in range(10):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        took.append(float(done.stdout) * 1000)
    return statistics.median(took)


def table(figures: Figures) -> str:
    names = ["koru", "sqlite3", "lmdb", "diskcache", "tinydb", "dict"]
    lines = [f"| work | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    for work, row in figures.items():
        cells = []
        for name in names:
            if name not in row:
                cells.append("–")
            elif name == "koru" or "koru" not in row:
                cells.append(f"{row[name]:,.0f}")
            else:
                ratio = row[name] / row["koru"] if " ns" in work else row["koru"] / row[name]
                cells.append(f"{row[name]:,.0f} **{ratio:.2f}**")
        lines.append(f"| {work} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="koru-bench-", dir="."))
    try:
        figures = measure(folder, given.keys, given.rounds)
    finally:
        shutil.rmtree(folder)
    size = len(json.dumps(document(123456)))
    print(table(figures))
    print()
    print(f"{given.keys:,} documents of {size} bytes of JSON; medians of {given.rounds} rounds.")
    print("**Bold** is how many times as good koru is as that peer: above 1 koru is better.")
    print(f"import koru_delta: {import_ms():.1f} ms")
    load = Path("/proc/loadavg")
    if load.exists():
        print(f"load after the run: {load.read_text().split()[0]}")
    versions = [f"Python {sys.version.split()[0]}", f"koru-delta {koru_delta.__version__}"]
    versions += [f"SQLite {sqlite3.sqlite_version}", f"LMDB {'.'.join(map(str, lmdb.version()))}"]
    versions += [f"diskcache {diskcache.__version__}", f"tinydb {tinydb.__version__}"]
    print(", ".join(versions))


if __name__ == "__main__":
    main()
