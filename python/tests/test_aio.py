"""The same operations for asyncio: the loop goes on, and what is cancelled is not there by half."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

import koru_delta
from koru_delta import aio


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 60))


def test_the_operations(tmp_path: Path) -> None:
    async def main() -> None:
        async with await aio.open(tmp_path / "db.koru") as db:
            users = db.collection("users")
            first = await users.put("ada", {"n": 1}, author="me")
            main = db.workspace("main")
            assert (main.name, await main.collection("users").get("ada")) == ("main", {"n": 1})
            await users.put_many({f"{n:04}": n for n in range(1000)})
            assert await users.get("ada") == {"n": 1}
            assert await users.get("none", 5) == 5
            assert [row.key async for row in users.scan(limit=3)] == ["0000", "0001", "0002"]
            assert len(await users.keys().to_list()) == 1001
            second = await users.put("ada", {"n": 2})
            assert [each.value async for each in users.history("ada")] == [{"n": 2}, {"n": 1}]
            assert [each.path for each in await users.diff("ada", first, second)] == ["/n"]
            then = await db.as_of(first)
            assert await then.collection("users").get("ada") == {"n": 1}
            assert await then.collections() == ["users"]
            tag = await db.tag("t", first)
            assert await db.tags() == [tag]
            assert [each.key async for each in users.diff_moments(first, second)] == [
                *(f"{n:04}" for n in range(1000)),
                "ada",
            ]
            assert await users.restore("ada", tag) is not None
            assert (await db.commit(first)).author == "me"
            assert len(await db.log().to_list()) == 5
            assert await users.delete("ada") is not None
            assert (await db.verify()).ok
            assert (await db.info()).commits == 6
            await db.export(tmp_path / "copy.tar")
            await aio.import_archive(tmp_path / "copy.koru", tmp_path / "copy.tar")
            importer = await db.importer("old")
            await importer.commit(0, [("old", "k", 1)], {"line": 1})
            assert importer.state == {"line": 1}
            assert (await db.as_of(0)).collection("old").name == "old"
            assert await db.maintain() is False
            with pytest.raises(koru_delta.InvalidArgumentError):
                await users.put("bad", {1})
        assert db.closed
        with koru_delta.open(tmp_path / "copy.koru", read_only=True) as copy:
            assert copy.info().commits == 6

    run(main())


def test_every_operation_is_there() -> None:
    """What the blocking classes have, the awaited ones have under the same name."""
    names = ("Collection", "SnapshotCollection", "Snapshot", "Transaction", "TransactionCollection")
    for name in ("Database", "Workspace", *names):
        blocking = {each for each in dir(getattr(koru_delta, name)) if not each.startswith("_")}
        assert blocking - set(dir(getattr(aio, name))) == set(), name


def test_1000_tasks_share_their_syncs(tmp_path: Path) -> None:
    async def main() -> None:
        async with await aio.open(tmp_path / "db.koru") as db:
            users = db.collection("users")

            async def task(n: int) -> None:
                await users.put(str(n), {"n": n})
                assert await users.get(str(n)) == {"n": n}

            await asyncio.gather(*(task(n) for n in range(1000)))
            stats = await db.stats()
            assert stats.commits == 1000
            assert stats.syncs < 700

    run(main())


def test_the_loop_goes_on_while_a_call_waits(tmp_path: Path) -> None:
    async def main() -> None:
        async with await aio.open(tmp_path / "db.koru") as db:
            with db._inner.transaction():
                waiting = asyncio.ensure_future(db.collection("c").put("k", 1))
                begun = time.monotonic()
                for _ in range(20):
                    await asyncio.sleep(0.001)
                assert time.monotonic() - begun < 30
                assert not waiting.done()
            await waiting

    run(main())


def test_transactions_of_many_tasks_lose_no_update() -> None:
    async def main() -> None:
        async with await aio.open("memory:", threads=2) as db:

            async def task() -> None:
                async with db.transaction(author="task") as tx:
                    counter = tx.collection("c")
                    n = await counter.get("n", 0)
                    await asyncio.sleep(0)
                    counter.put("n", n + 1)

            # Writers beside them fill all threads of the database; transactions have their own.
            writers = [db.collection("other").put(str(n), n) for n in range(50)]
            await asyncio.gather(*(task() for _ in range(50)), *writers)
            assert await db.collection("c").get("n") == 50
            given_up = db.transaction()
            with pytest.raises(ZeroDivisionError):
                async with given_up as tx:
                    tx.collection("c").put("n", 1 // 0)
            assert given_up.version is None
            async with db.transaction() as tx:
                tx.collection("c").delete("n")
                assert await tx.collection("c").keys() == []
            assert tx.version is not None

    run(main())


def test_a_cancelled_transaction_gives_its_turn_up() -> None:
    async def main() -> None:
        async with await aio.open("memory:") as db:
            begun = asyncio.Event()

            async def holder() -> None:
                async with db.transaction() as tx:
                    tx.collection("c").put("k", 1)
                    begun.set()
                    await asyncio.sleep(3600)

            async def waiter() -> None:
                async with db.transaction() as tx:
                    tx.collection("c").put("k", 2)

            held = asyncio.ensure_future(holder())
            await begun.wait()
            waiting = asyncio.ensure_future(waiter())
            await asyncio.sleep(0.02)
            waiting.cancel()
            held.cancel()
            for task in (held, waiting):
                with pytest.raises(asyncio.CancelledError):
                    await task
            await db.collection("c").put("k", 3)
            assert [each.value async for each in db.collection("c").history("k")] == [3]

    run(main())


def test_a_watch_loses_no_event_to_a_timeout() -> None:
    async def main() -> None:
        async with await aio.open("memory:") as db:
            async with db.watch() as watch:
                tokens: list[int] = []
                for n in range(20):
                    try:
                        event = await asyncio.wait_for(watch.next(), 0.001)
                    except TimeoutError:
                        event = None
                    if event is not None:
                        tokens.append(event.token)
                    await db.collection("c").put("k", n)
                while (event := await watch.next(timeout=0.05)) is not None:
                    tokens.append(event.token)
            assert tokens == list(range(1, 21))
            assert [e.token async for e in db.watch(token=15, timeout=0.01)] == [16, 17, 18, 19, 20]

    run(main())


def test_rows_are_not_lost_to_a_timeout() -> None:
    async def main() -> None:
        async with await aio.open("memory:") as db:
            await db.collection("c").put_many({f"{n:05}": n for n in range(3000)})
            rows = db.collection("c").scan()
            values: list[int] = []
            while True:
                try:
                    values.append((await asyncio.wait_for(anext(rows), 1e-5)).value)
                except TimeoutError:
                    continue
                except StopAsyncIteration:
                    break
            assert values == list(range(3000))

    run(main())
