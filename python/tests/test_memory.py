"""No memory is lost: what a process takes stays the same over many writes and reads."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest

import koru_delta


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
@pytest.mark.parametrize("cycles", [30_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_memory_stays_the_same_over_many_writes_and_reads(tmp_path: Path, cycles: int) -> None:
    with koru_delta.open(tmp_path / "db.koru", durability="none", cache_bytes=1 << 20) as db:
        documents = db.collection("c")

        def work(count: int) -> None:
            for n in range(count):
                documents.put(str(n % 1000), {"n": n, "text": "x" * 200, "list": [1.5, None, b"bytes"]})
                assert documents.get(str(n % 1000))["n"] == n
                if n % 100 == 0:
                    next(documents.scan())
                    with pytest.raises(koru_delta.InvalidArgumentError):
                        documents.put("k", {n})

        work(max(cycles // 3, 10_000))
        gc.collect()
        before = resident_bytes()
        work(cycles)
        gc.collect()
        # A lost object of 100 bytes a cycle would be more than this; what is kept in any case is the index of the log.
        assert resident_bytes() - before < 4 << 20 | cycles * 50


def test_objects_are_let_go(db: koru_delta.Database) -> None:
    documents = db.collection("c")
    value = ["a value that nobody else has"]
    documents.put("k", {"v": value})
    documents.put_many([("l", value)])
    with db.transaction() as tx:
        tx.collection("c").put("m", value)
    with pytest.raises(koru_delta.InvalidArgumentError):
        documents.put("k", [value, {1}])
    del tx
    gc.collect()
    assert sys.getrefcount(value) == 2
