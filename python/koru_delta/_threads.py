"""How `koru_delta.aio` waits: calls, rows and events in threads of the database, so that the loop never does.

Invariant: what was fetched when its taker was cancelled is kept for the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from types import TracebackType
from typing import Generic, ParamSpec, TypeVar

from . import _koru
from ._errors import ClosedError
from ._koru import Event

P = ParamSpec("P")
T = TypeVar("T")

PAGE_ROWS_MAX = 256
"""Most rows that are fetched at a time."""

WATCH_SECONDS = 0.25
"""How long a watch waits in its thread before it looks whether somebody still listens."""


class Caller:
    """What has a database's threads to run calls in."""

    __slots__ = ("_executor",)

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self._executor = executor

    async def _call(self, what: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, partial(what, *args, **kwargs))


class Rows(Caller, Generic[T]):
    """Rows as they are asked for: an asynchronous iterator."""

    __slots__ = ("_fetching", "_make", "_page", "_rows", "_source")

    def __init__(self, executor: ThreadPoolExecutor, make: Callable[[], Iterator[T]]) -> None:
        super().__init__(executor)
        self._make = make
        self._source: Iterator[T] | None = None
        self._rows: list[T] = []
        self._page = 1
        self._fetching: asyncio.Future[list[T]] | None = None

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    def _fetch(self) -> list[T]:
        if self._source is None:
            self._source = self._make()
        # Turned around, because they are taken off the end.
        rows = list(islice(self._source, self._page))[::-1]
        self._page = min(self._page * 2, PAGE_ROWS_MAX)
        return rows

    async def __anext__(self) -> T:
        if not self._rows:
            if self._fetching is None:
                self._fetching = asyncio.ensure_future(self._call(self._fetch))
            # Whoever is cancelled meanwhile finds the page at the next attempt.
            fetching = self._fetching
            rows = await asyncio.shield(fetching)
            if self._fetching is fetching:
                self._fetching = None
                self._rows = rows
            if not self._rows:
                raise StopAsyncIteration
        return self._rows.pop()

    async def to_list(self) -> list[T]:
        """All of the rows."""
        return [row async for row in self]


class Watch(Caller):
    """The commits as they come: an asynchronous iterator of `Event`. It has a thread of its own."""

    __slots__ = ("_make", "_timeout", "_waiting", "_watch")

    def __init__(self, make: Callable[[], _koru.Watch], timeout: float | None) -> None:
        super().__init__(ThreadPoolExecutor(1, thread_name_prefix="koru-delta-watch"))
        self._make = make
        self._timeout = timeout
        self._watch: _koru.Watch | None = None
        self._waiting: asyncio.Future[Event | None] | None = None

    async def _begin(self) -> _koru.Watch:
        if self._watch is None:
            self._watch = await self._call(self._make)
        return self._watch

    async def next(self, timeout: float | None = None) -> Event | None:
        """The next event, waiting for it up to `timeout` seconds, for ever for `None`; `None` if none came."""
        watch = await self._begin()
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        while True:
            rest = WATCH_SECONDS if deadline is None else max(0.0, min(WATCH_SECONDS, deadline - loop.time()))
            if self._waiting is None:
                self._waiting = asyncio.ensure_future(self._call(watch.next, rest))
            # An event that comes after this was cancelled is for the next call.
            waiting = self._waiting
            event = await asyncio.shield(waiting)
            if self._waiting is waiting:
                self._waiting = None
            if event is not None or (deadline is not None and loop.time() >= deadline):
                return event

    @property
    def token(self) -> int | None:
        """Where another watch goes on behind everything that this one handed out; `None` before it was first asked."""
        return None if self._watch is None else self._watch.token

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        try:
            event = await self.next(self._timeout)
        except ClosedError:
            event = None
        if event is None:
            await self.close()
            raise StopAsyncIteration
        return event

    async def close(self) -> None:
        """Ends it."""
        watch, self._watch = self._watch, None
        if watch is not None:
            await self._call(watch.close)
        self._executor.shutdown(wait=False)

    async def __aenter__(self) -> Watch:
        await self._begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
