"""The same operations for asyncio. Calls run in threads of the database, so the loop never waits for a disk; writes
that are awaited together share one sync.

>>> import asyncio
>>> from koru_delta import aio
>>> async def main() -> None:
...     async with await aio.open("memory:") as db:
...         users = db.collection("users")
...         await users.put("ada", {"born": 1815})
...         async for row in users.scan():
...             print(row.key, row.value)
>>> asyncio.run(main())
ada {'born': 1815}

A call that is cancelled before its turn has no effect; one that has begun is carried to its end, and only its result is
dropped: a commit is never made by half.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack

from . import _koru
from ._koru import (
    Change,
    Commit,
    Document,
    DocumentChange,
    DocumentVersion,
    Hits,
    Info,
    Lineage,
    Stats,
    Tag,
    VectorConfig,
    VectorInfo,
    VerifyReport,
    Version,
)
from ._threads import Caller, Rows, Watch
from ._types import (
    Cause,
    Expected,
    Expiry,
    How,
    HowAsOf,
    ImportChange,
    MatrixLike,
    MomentLike,
    Table,
    VectorLike,
    VersionLike,
)

__all__ = [
    "Collection",
    "Database",
    "Import",
    "Rows",
    "Snapshot",
    "SnapshotCollection",
    "Transaction",
    "TransactionCollection",
    "Watch",
    "Workspace",
    "import_archive",
    "open",
]

if TYPE_CHECKING:
    import numpy
    import numpy.typing

T = TypeVar("T")

THREADS = 32
"""Threads of a database unless it is told otherwise: so many writes share a sync."""


async def open(
    path: str | os.PathLike[str],
    *,
    read_only: bool = False,
    create: bool = True,
    durability: Literal["strict", "relaxed", "none"] = "strict",
    cache_bytes: int | None = None,
    vector_bytes: int | None = None,
    maintenance: Literal["thread", "inline", "manual"] = "thread",
    threads: int = THREADS,
) -> Database:
    """Opens a database; see `koru_delta.open`. At most `threads` of its calls run at the same time."""
    executor = ThreadPoolExecutor(threads, thread_name_prefix="koru-delta")
    call = partial(
        _koru.open,
        path,
        read_only=read_only,
        create=create,
        durability=durability,
        cache_bytes=cache_bytes,
        vector_bytes=vector_bytes,
        maintenance=maintenance,
    )
    opening = executor.submit(call)
    try:
        return Database(await asyncio.shield(asyncio.wrap_future(opening)), executor)
    except BaseException:
        # Nobody is there any more to close what is being opened.
        opening.add_done_callback(_close_opened)
        executor.shutdown(wait=False)
        raise


def _close_opened(opening: Future[_koru.Database]) -> None:
    if opening.exception() is None:
        opening.result().close()


async def import_archive(
    path: str | os.PathLike[str], archive: Any, progress: Callable[[int], object] | None = None
) -> None:
    """Makes a database at `path` of an archive; see `koru_delta.import_archive`."""
    await asyncio.to_thread(_koru.import_archive, path, archive, progress)


class SnapshotCollection(Caller):
    """The documents of one collection at a moment."""

    __slots__ = ("_inner",)

    def __init__(self, executor: ThreadPoolExecutor, inner: _koru.SnapshotCollection | _koru.Collection) -> None:
        super().__init__(executor)
        self._inner = inner

    @property
    def name(self) -> str:
        """Its name."""
        return self._inner.name

    async def get(self, key: str, default: Any = None) -> Any:
        """The value of a document; `default` if it is not there."""
        return await self._call(self._inner.get, key, default)

    async def document(self, key: str) -> Document | None:
        """The document with its version, or `None`."""
        return await self._call(self._inner.document, key)

    async def get_many(self, keys: Iterable[str]) -> list[Any]:
        """The values of many documents in the order of the keys, `None` where there is none."""
        return await self._call(self._inner.get_many, list(keys))

    def scan(
        self,
        *,
        prefix: str | None = None,
        from_: str | None = None,
        after: str | None = None,
        to: str | None = None,
        before: str | None = None,
        descending: bool = False,
        limit: int | None = None,
    ) -> Rows[Document]:
        """The documents of a range in key order; see `koru_delta.Collection.scan`."""
        make = partial(
            self._inner.scan,
            prefix=prefix,
            from_=from_,
            after=after,
            to=to,
            before=before,
            descending=descending,
            limit=limit,
        )
        return Rows(self._executor, make)

    def keys(
        self,
        *,
        prefix: str | None = None,
        from_: str | None = None,
        after: str | None = None,
        to: str | None = None,
        before: str | None = None,
        descending: bool = False,
        limit: int | None = None,
    ) -> Rows[str]:
        """The keys of a range, without reading values."""
        make = partial(
            self._inner.keys,
            prefix=prefix,
            from_=from_,
            after=after,
            to=to,
            before=before,
            descending=descending,
            limit=limit,
        )
        return Rows(self._executor, make)

    async def vectors(self, key: str) -> dict[str, numpy.typing.NDArray[numpy.float32]] | None:
        """The vectors of a document by name; see `koru_delta.Collection.vectors`."""
        return await self._call(self._inner.vectors, key)

    async def search(self, vector: VectorLike | None = None, *, like: str | None = None, **how: Unpack[How]) -> Hits:
        """The documents whose vector is nearest; see `koru_delta.Collection.search`."""
        return await self._call(self._inner.search, vector, like=like, **how)

    async def search_many(self, vectors: MatrixLike, **how: Unpack[How]) -> list[Hits]:
        """For each row of a matrix what is nearest to it."""
        return await self._call(self._inner.search_many, vectors, **how)

    def history(self, key: str, *, before: VersionLike | None = None, values: bool = True) -> Rows[Version]:
        """The versions of a document, newest first."""
        return Rows(self._executor, partial(self._inner.history, key, before=before, values=values))

    def __repr__(self) -> str:
        return f"aio.{self._inner!r}"


class Collection(SnapshotCollection):
    """The documents of one collection, now."""

    __slots__ = ()

    _inner: _koru.Collection

    async def put(
        self,
        key: str,
        value: Any,
        *,
        vector: VectorLike | None = None,
        vectors: Mapping[str, VectorLike] | None = None,
        expected: Expected = None,
        expires_at: Expiry | None = None,
        author: str | None = None,
        message: str | None = None,
        causes: Iterable[Cause] = (),
    ) -> str:
        """Writes a document. Returns the version when it is durable. See `koru_delta.Collection.put`."""
        return await self._call(
            self._inner.put,
            key,
            value,
            vector=vector,
            vectors=vectors,
            expected=expected,
            expires_at=expires_at,
            author=author,
            message=message,
            causes=causes,
        )

    async def delete(
        self,
        key: str,
        *,
        expected: Expected = None,
        author: str | None = None,
        message: str | None = None,
        causes: Iterable[Cause] = (),
    ) -> str | None:
        """Deletes a document. Returns the version that says so, or `None` if there was none."""
        return await self._call(
            self._inner.delete, key, expected=expected, author=author, message=message, causes=causes
        )

    async def put_many(
        self,
        documents: Iterable[tuple[str, Any]] | Mapping[str, Any] | Table,
        *,
        key: str | None = None,
        vectors: MatrixLike | Mapping[str, MatrixLike] | None = None,
        author: str | None = None,
        message: str | None = None,
        causes: Iterable[Cause] = (),
    ) -> str | None:
        """Writes many documents as one commit: all of them or none. See `koru_delta.Collection.put_many`."""
        return await self._call(
            self._inner.put_many, documents, key=key, vectors=vectors, author=author, message=message, causes=causes
        )

    # Of a snapshot no moment can be named, and pyright takes it that another one could be.
    async def search(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, vector: VectorLike | None = None, *, like: str | None = None, **how: Unpack[HowAsOf]
    ) -> Hits:
        """The documents whose vector is nearest, now or as of a moment; see `koru_delta.Collection.search`."""
        return await self._call(self._inner.search, vector, like=like, **how)

    async def search_many(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, vectors: MatrixLike, **how: Unpack[HowAsOf]
    ) -> list[Hits]:
        """For each row of a matrix what is nearest to it, now or as of a moment."""
        return await self._call(self._inner.search_many, vectors, **how)

    async def configure_vectors(
        self,
        name: str = "default",
        *,
        dimension: int,
        metric: Literal["cosine", "euclidean", "dot"] = "cosine",
        index: Literal["auto", "flat", "hnsw"] = "auto",
        codes: Literal["auto", "f32", "f16", "i8", "i4", "binary"] = "auto",
        author: str | None = None,
        message: str | None = None,
        causes: Iterable[Cause] = (),
    ) -> str | None:
        """Sets how the vectors of a name are searched; see `koru_delta.Collection.configure_vectors`."""
        return await self._call(
            self._inner.configure_vectors,
            name,
            dimension=dimension,
            metric=metric,
            index=index,
            codes=codes,
            author=author,
            message=message,
            causes=causes,
        )

    async def vector_config(self, name: str = "default") -> VectorConfig | None:
        """How the vectors of a name are searched; `None` if there were none."""
        return await self._call(self._inner.vector_config, name)

    async def vector_info(self) -> list[VectorInfo]:
        """What is known of the vectors of this collection, by name."""
        return await self._call(self._inner.vector_info)

    async def version(self, key: str, version: VersionLike) -> Version:
        """One version of a document, with its value."""
        return await self._call(self._inner.version, key, version)

    async def heads(self, key: str) -> list[str]:
        """The versions that no other replaced."""
        return await self._call(self._inner.heads, key)

    async def diff(self, key: str, before: VersionLike, after: VersionLike) -> list[Change]:
        """What changed in a document between two of its versions, place by place."""
        return await self._call(self._inner.diff, key, before, after)

    def diff_moments(self, before: MomentLike, after: MomentLike = None) -> Rows[DocumentChange]:
        """The documents of the collection that differ between two moments."""
        return Rows(self._executor, partial(self._inner.diff_moments, before, after))

    async def as_of(self, moment: MomentLike) -> SnapshotCollection:
        """This collection as of a moment."""
        return SnapshotCollection(self._executor, await self._call(self._inner.as_of, moment))

    async def restore(
        self,
        key: str,
        moment: MomentLike,
        *,
        author: str | None = None,
        message: str | None = None,
        causes: Iterable[Cause] = (),
    ) -> str | None:
        """Makes a document what it was at a moment, by a new version."""
        return await self._call(self._inner.restore, key, moment, author=author, message=message, causes=causes)

    async def restore_all(
        self,
        moment: MomentLike,
        *,
        author: str | None = None,
        message: str | None = None,
        causes: Iterable[Cause] = (),
    ) -> str | None:
        """The same for the whole collection, by one commit."""
        return await self._call(self._inner.restore_all, moment, author=author, message=message, causes=causes)

    async def lineage(
        self,
        key: str,
        version: VersionLike,
        *,
        direction: Literal["causes", "effects"] = "causes",
        depth: int | None = None,
    ) -> Lineage:
        """What a version was derived from, or what came of it."""
        return await self._call(self._inner.lineage, key, version, direction=direction, depth=depth)

    def watch(self, *, prefix: str | None = None, token: int | None = None, timeout: float | None = None) -> Watch:
        """The commits that change this collection, as they come."""
        return Watch(partial(self._inner.watch, prefix=prefix, token=token), timeout)

    def at(self, key: str, version: VersionLike) -> DocumentVersion:
        """A version of a document of this collection, as causes and lineage name it."""
        return self._inner.at(key, version)


class Snapshot(Caller):
    """All collections at one moment."""

    __slots__ = ("_inner",)

    def __init__(self, executor: ThreadPoolExecutor, inner: _koru.Snapshot) -> None:
        super().__init__(executor)
        self._inner = inner

    def collection(self, name: str) -> SnapshotCollection:
        """A collection as of this moment."""
        return SnapshotCollection(self._executor, self._inner.collection(name))

    async def collections(self) -> list[str]:
        """The names of the collections that hold a document then."""
        return await self._call(self._inner.collections)

    def log(self) -> Rows[Commit]:
        """The commits that are shown, newest first."""
        return Rows(self._executor, self._inner.log)


class Transaction:
    """A transaction, for an `async with`: all of its writes become one commit at the end, or nothing if an exception
    leaves it, cancellation among them. It has a thread of its own, so that those who wait for their turn do not hold it
    up."""

    __slots__ = ("_executor", "_inner")

    def __init__(self, inner: _koru.Transaction) -> None:
        self._inner = inner
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="koru-delta-transaction")

    def collection(self, name: str) -> TransactionCollection:
        """A collection, as this transaction sees it."""
        return TransactionCollection(self._executor, self._inner.collection(name))

    @property
    def version(self) -> str | None:
        """The version of the commit that it became; `None` before, and if it wrote nothing."""
        return self._inner.version

    def _give_up(self) -> None:
        self._inner.__exit__(asyncio.CancelledError, None, None)

    async def __aenter__(self) -> Transaction:
        begin = asyncio.wrap_future(self._executor.submit(self._inner.__enter__))
        try:
            await asyncio.shield(begin)
        except BaseException:
            # It may get its turn yet. Its thread gives it up right after that.
            self._executor.submit(self._give_up)
            self._executor.shutdown(wait=False)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        end = asyncio.wrap_future(self._executor.submit(self._inner.__exit__, kind, value, None))
        self._executor.shutdown(wait=False)
        await asyncio.shield(end)


class TransactionCollection(Caller):
    """One collection within a transaction: it sees the transaction's own writes. Writing only takes note, and so needs
    no `await`."""

    __slots__ = ("_inner",)

    def __init__(self, executor: ThreadPoolExecutor, inner: _koru.TransactionCollection) -> None:
        super().__init__(executor)
        self._inner = inner

    @property
    def name(self) -> str:
        """Its name."""
        return self._inner.name

    async def get(self, key: str, default: Any = None) -> Any:
        """The value of a document as the transaction sees it; `default` if it is not there."""
        return await self._call(self._inner.get, key, default)

    def put(
        self,
        key: str,
        value: Any,
        *,
        vector: VectorLike | None = None,
        vectors: Mapping[str, VectorLike] | None = None,
        expected: Expected = None,
        expires_at: Expiry | None = None,
    ) -> None:
        """Writes a document when the transaction commits. The value is taken as it is now."""
        self._inner.put(key, value, vector=vector, vectors=vectors, expected=expected, expires_at=expires_at)

    def put_many(
        self,
        documents: Iterable[tuple[str, Any]] | Mapping[str, Any] | Table,
        *,
        key: str | None = None,
        vectors: MatrixLike | Mapping[str, MatrixLike] | None = None,
    ) -> None:
        """Writes many documents when the transaction commits. Their values are taken as they are now."""
        self._inner.put_many(documents, key=key, vectors=vectors)

    def delete(self, key: str, *, expected: Expected = None) -> None:
        """Deletes a document when the transaction commits; without effect if it is not there."""
        self._inner.delete(key, expected=expected)

    async def keys(
        self,
        *,
        prefix: str | None = None,
        from_: str | None = None,
        after: str | None = None,
        to: str | None = None,
        before: str | None = None,
        descending: bool = False,
        limit: int | None = None,
    ) -> list[str]:
        """The keys of a range as the transaction sees them."""
        return await self._call(
            self._inner.keys,
            prefix=prefix,
            from_=from_,
            after=after,
            to=to,
            before=before,
            descending=descending,
            limit=limit,
        )


class Import(Caller):
    """Commits with times of their own; see `koru_delta.Import`."""

    __slots__ = ("_inner",)

    def __init__(self, executor: ThreadPoolExecutor, inner: _koru.Import) -> None:
        super().__init__(executor)
        self._inner = inner

    @property
    def actor(self) -> str:
        """The actor that it writes as."""
        return self._inner.actor

    @property
    def state(self) -> Any:
        """What was remembered with its last commit; `None` before the first one."""
        return self._inner.state

    async def commit(
        self,
        time: datetime | int,
        changes: Iterable[ImportChange],
        state: Any = None,
        *,
        author: str | None = None,
        message: str | None = None,
        causes: Iterable[Cause] = (),
    ) -> str | None:
        """Writes one commit at a time of its own. Returns its version."""
        return await self._call(self._inner.commit, time, changes, state, author=author, message=message, causes=causes)


class Workspace(Caller):
    """Collections and their history; see `koru_delta.Workspace`."""

    __slots__ = ("_inner",)

    def __init__(self, executor: ThreadPoolExecutor, inner: _koru.Workspace) -> None:
        super().__init__(executor)
        self._inner = inner

    @property
    def name(self) -> str:
        """Its name."""
        return self._inner.name

    def collection(self, name: str) -> Collection:
        """A collection by its name. It comes into being with its first document."""
        return Collection(self._executor, self._inner.collection(name))

    async def collections(self) -> list[str]:
        """The names of the collections that hold a document."""
        return await self._call(self._inner.collections)

    def transaction(
        self, *, author: str | None = None, message: str | None = None, causes: Iterable[Cause] = ()
    ) -> Transaction:
        """A transaction, for an `async with`."""
        return Transaction(self._inner.transaction(author=author, message=message, causes=causes))

    async def snapshot(self) -> Snapshot:
        """Everything as it is now, unchanged by what is written later."""
        return Snapshot(self._executor, await self._call(self._inner.snapshot))

    async def as_of(self, moment: MomentLike) -> Snapshot:
        """Everything as of a moment."""
        return Snapshot(self._executor, await self._call(self._inner.as_of, moment))

    def diff(self, before: MomentLike, after: MomentLike = None) -> Rows[DocumentChange]:
        """The documents that differ between two moments; without the second, up to now."""
        return Rows(self._executor, partial(self._inner.diff, before, after))

    def log(self) -> Rows[Commit]:
        """The commits, newest first."""
        return Rows(self._executor, self._inner.log)

    def watch(
        self,
        *,
        collection: str | None = None,
        prefix: str | None = None,
        token: int | None = None,
        timeout: float | None = None,
    ) -> Watch:
        """The commits as they come, from now on or behind `token`; it ends when nothing came for `timeout` seconds."""
        return Watch(partial(self._inner.watch, collection=collection, prefix=prefix, token=token), timeout)

    async def tag(
        self,
        name: str,
        moment: MomentLike = None,
        *,
        author: str | None = None,
        message: str | None = None,
        causes: Iterable[Cause] = (),
    ) -> Tag:
        """Gives the present, or a moment, a name."""
        return await self._call(self._inner.tag, name, moment, author=author, message=message, causes=causes)

    async def untag(
        self,
        name: str,
        *,
        author: str | None = None,
        message: str | None = None,
        causes: Iterable[Cause] = (),
    ) -> None:
        """Takes a tag away; what it covered stays."""
        await self._call(self._inner.untag, name, author=author, message=message, causes=causes)

    async def tags(self) -> list[Tag]:
        """All tags, by name."""
        return await self._call(self._inner.tags)

    async def restore(
        self,
        moment: MomentLike,
        *,
        author: str | None = None,
        message: str | None = None,
        causes: Iterable[Cause] = (),
    ) -> str | None:
        """Makes everything what it was at a moment, by one commit."""
        return await self._call(self._inner.restore, moment, author=author, message=message, causes=causes)

    def __repr__(self) -> str:
        return f"aio.{self._inner!r}"


class Database(Workspace):
    """An open database; `open` makes one. It is its workspace `main`."""

    __slots__ = ()

    _inner: _koru.Database

    def __init__(self, inner: _koru.Database, executor: ThreadPoolExecutor) -> None:
        super().__init__(executor, inner)

    def workspace(self, name: str) -> Workspace:
        """A workspace by its name: `main`."""
        return Workspace(self._executor, self._inner.workspace(name))

    async def commit(self, version_or_id: str) -> Commit:
        """A commit by its version, or by 4 to 64 digits of its id."""
        return await self._call(self._inner.commit, version_or_id)

    async def lineage(
        self, of: Cause, *, direction: Literal["causes", "effects"] = "causes", depth: int | None = None
    ) -> Lineage:
        """What a version of a document was derived from, or what came of it."""
        return await self._call(self._inner.lineage, of, direction=direction, depth=depth)

    async def importer(self, name: str) -> Import:
        """An import by its name: commits with times of their own, written by an actor of its own."""
        return Import(self._executor, await self._call(self._inner.importer, name))

    async def export(self, to: Any, progress: Callable[[int], object] | None = None) -> None:
        """Writes a copy of the whole database as of now to a file or a path, as an archive."""
        archive = await self._call(self._inner.export)
        await self._call(archive.write, to, progress)

    async def verify(self, progress: Callable[[int, int], object] | None = None) -> VerifyReport:
        """Reads everything again and checks every checksum, hash and link. `progress` is called in another thread."""
        return await self._call(self._inner.verify, progress)

    async def info(self) -> Info:
        """What the database is: identity, place, sizes."""
        return await self._call(self._inner.info)

    async def stats(self) -> Stats:
        """What it has been doing since it was opened."""
        return await self._call(self._inner.stats)

    async def sync(self) -> None:
        """Makes everything acknowledged durable."""
        await self._call(self._inner.sync)

    async def checkpoint(self) -> None:
        """Writes the index of what is only in the log."""
        await self._call(self._inner.checkpoint)

    async def compact(self) -> None:
        """Makes the database as small as it gets: compresses the log, and merges the tables of the index into one."""
        await self._call(self._inner.compact)

    async def maintain(self, steps: int = 1) -> bool:
        """Does due maintenance, at most `steps` bounded steps of it. Returns whether more is due."""
        return await self._call(self._inner.maintain, steps)

    async def close(self) -> None:
        """Makes everything durable and closes the database. Closing twice is fine."""
        if not self._inner.closed:
            await self._call(self._inner.close)
        self._executor.shutdown(wait=False)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._inner.closed

    async def __aenter__(self) -> Database:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
