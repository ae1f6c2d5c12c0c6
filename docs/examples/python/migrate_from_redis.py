"""Moves a Redis database: each key becomes a document, with its time to live.

    pip install koru-delta redis
    python migrate_from_redis.py redis://localhost:6379/0 new.koru

Keys like `user:17` become the document `17` of the collection `user`; keys without a colon those of the collection
`redis`. It can be run again: what did not change is left alone, and what is gone is deleted.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import redis

import koru_delta

KEYS = 1000
"""Keys that are read and written at a time."""

T = TypeVar("T")


def batched(items: Iterable[T]) -> Iterator[list[T]]:
    """The items in groups of `KEYS`."""
    rest = iter(items)
    while group := list(islice(rest, KEYS)):
        yield group


def text(raw: bytes) -> str | bytes:
    """Text where it is text, bytes where it is not."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def name(raw: bytes) -> str:
    """The name of a field or key, which has to be text."""
    return raw.decode(errors="backslashreplace")


def value_of(source: redis.Redis, kind: bytes, key: bytes) -> Any:
    """A value of Redis as one of ours: sets are sorted lists, sorted sets maps from member to score."""
    match kind:
        case b"string":
            return text(source.get(key) or b"")
        case b"hash":
            return {name(field): text(value) for field, value in source.hgetall(key).items()}
        case b"list":
            return [text(value) for value in source.lrange(key, 0, -1)]
        case b"set":
            return sorted((text(value) for value in source.smembers(key)), key=repr)
        case b"zset":
            return {name(member): score for member, score in source.zrange(key, 0, -1, withscores=True)}
        case b"stream":
            return [
                {"id": name(id), "fields": {name(field): text(value) for field, value in fields.items()}}
                for id, fields in source.xrange(key)
            ]
    raise ValueError(f"{key!r} is of the type {kind!r}, which this script does not know")


def place(key: bytes) -> tuple[str, str]:
    """The collection and the key of a document."""
    collection, colon, rest = name(key).partition(":")
    return (collection, rest) if colon and collection and rest and "/" not in collection else ("redis", name(key))


def documents(source: redis.Redis) -> Iterator[tuple[str, str, Any, int | None]]:
    """Collection, key, value and expiry of everything."""
    for keys in batched(source.scan_iter(count=KEYS)):
        with source.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.type(key)
                pipe.pttl(key)
            answers = pipe.execute()
        now = time.time_ns() // 1_000_000
        for key, kind, left in zip(keys, answers[::2], answers[1::2], strict=True):
            if kind == b"none":
                continue
            yield *place(key), value_of(source, kind, key), now + left if left >= 0 else None


def migrate(source: redis.Redis, db: koru_delta.Database) -> tuple[int, int]:
    """Returns how many documents were written, and how many deleted."""
    gone = {(collection, key) for collection in db.collections() for key in db.collection(collection).keys()}
    written = 0
    for group in batched(documents(source)):
        with db.transaction(author="migrate_from_redis") as tx:
            for collection, key, value, expires_at in group:
                gone.discard((collection, key))
                there = db.collection(collection).document(key)
                # A time to live is read a little later each time: what is closer than a second is the same.
                same_end = there is not None and (
                    there.expires_at == expires_at
                    or (there.expires_at and expires_at and abs(there.expires_at - expires_at) < 1000)
                )
                if there is None or there.value != value or not same_end:
                    tx.collection(collection).put(key, value, expires_at=expires_at)
                    written += 1
    with db.transaction(author="migrate_from_redis") as tx:
        for collection, key in gone:
            tx.collection(collection).delete(key)
    return written, len(gone)


def main(url: str, new: str) -> None:
    with redis.Redis.from_url(url) as source, koru_delta.open(new) as db:
        written, deleted = migrate(source, db)
        print(f"{written} documents written, {deleted} deleted")


if __name__ == "__main__":
    main(*sys.argv[1:])
