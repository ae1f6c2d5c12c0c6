"""Many threads use one database, and nobody waits for the interpreter while it waits for the disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import koru_delta


def run(*bodies: Callable[[], None]) -> None:
    failures: list[BaseException] = []

    def guarded(body: Callable[[], None]) -> None:
        try:
            body()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    for failure in failures:
        raise failure


@pytest.mark.parametrize("durability", ["strict", "relaxed"])
def test_8_writers_and_8_readers(tmp_path: Path, durability: str) -> None:
    writes = 100
    done = threading.Event()
    with koru_delta.open(tmp_path / "db.koru", durability=durability) as db:  # type: ignore[arg-type]

        def writer(name: str) -> Callable[[], None]:
            def body() -> None:
                documents = db.collection("c")
                for n in range(writes):
                    documents.put(name, {"n": n})
                    document = documents.document(name)
                    assert document is not None and document.value == {"n": n}

            return body

        def reader() -> None:
            documents = db.collection("c")
            last: dict[str, int] = {}
            while not done.is_set():
                for row in documents.scan():
                    assert row.value["n"] >= last.get(row.key, 0), "time does not go back"
                    last[row.key] = row.value["n"]

        readers = [threading.Thread(target=reader) for _ in range(8)]
        for thread in readers:
            thread.start()
        try:
            run(*(writer(f"writer {n}") for n in range(8)))
        finally:
            done.set()
            for thread in readers:
                thread.join(60)
        assert db.info().commits == 8 * writes
        assert all(sum(1 for _ in db.collection("c").history(f"writer {n}")) == writes for n in range(8))
        assert db.verify().ok


def test_transactions_of_many_threads_lose_no_update(db: koru_delta.Database) -> None:
    def body() -> None:
        for _ in range(50):
            with db.transaction() as tx:
                counter = tx.collection("c")
                counter.put("n", counter.get("n", 0) + 1)

    run(*(body for _ in range(8)))
    assert db.collection("c").get("n") == 400


def test_a_thread_that_waits_for_its_turn_holds_nobody_up(db: koru_delta.Database) -> None:
    """With the interpreter's lock held while it waits, this would never end."""
    begun, waiting = threading.Event(), threading.Event()

    def holder() -> None:
        with db.transaction() as tx:
            begun.set()
            assert waiting.wait(30)
            time.sleep(0.05)
            tx.collection("c").put("k", 1)

    def waiter() -> None:
        assert begun.wait(30)
        waiting.set()
        db.collection("c").put("k", 2)

    run(holder, waiter)
    assert [each.value for each in db.collection("c").history("k")] == [2, 1]


def test_one_iterator_can_be_shared(db: koru_delta.Database) -> None:
    db.collection("c").put_many((f"{n:05}", n) for n in range(5000))
    rows = db.collection("c").scan()
    seen: list[list[int]] = [[] for _ in range(8)]

    def body(into: list[int]) -> Callable[[], None]:
        return lambda: into.extend(row.value for row in rows)

    run(*(body(each) for each in seen))
    assert sorted(n for each in seen for n in each) == list(range(5000))
