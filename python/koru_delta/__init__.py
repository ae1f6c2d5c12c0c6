"""koru-delta: an embedded causal database. Every write is kept as a version that knows what it replaced, so that
any past state can be read, compared and brought back.

>>> import koru_delta
>>> db = koru_delta.open("memory:")  # in a directory: koru_delta.open("people.koru")
>>> people = db.collection("people")

Write. Each write is a new version on top of the one before; a transaction is one commit of several.

>>> first = people.put("ada", {"born": 1815})
>>> with db.transaction(author="me", message="what is known so far") as tx:
...     tx.collection("people").put("ada", {"born": 1815, "wrote": "Note G"})
...     tx.collection("people").put("charles", {"born": 1791})

Read what is there now, and what was there at a version, a tag or a time.

>>> people.get("ada")
{'born': 1815, 'wrote': 'Note G'}
>>> db.as_of(first).collection("people").get("charles") is None
True

The history of a document, newest first, and what changed.

>>> [version.value for version in people.history("ada")]
[{'born': 1815, 'wrote': 'Note G'}, {'born': 1815}]
>>> people.diff("ada", first, tx.version)[0].path
'/wrote'

Documents have vectors beside their values, and are found by what is near, now and as of any moment.

>>> version = people.put("ada", {"born": 1815}, vector=[0.9, 0.1])
>>> [hit.key for hit in people.search([1.0, 0.0], filter={"born": {"$lt": 1900}})]
['ada']

Bring the past back, as a new version: nothing is rewritten.

>>> people.restore("ada", first)[:2]
'4@'
>>> db.close()

Values are `None`, `bool`, `int` (64 bits, signed), `float` (finite), `str`, `bytes`, lists and dicts with keys of type
`str`. Errors derive from `KoruError` and have a `code`. `koru_delta.aio` has the same operations for asyncio.
"""

from __future__ import annotations

import os as _os
from collections.abc import Sequence as _Sequence

from ._errors import (
    AbortedError,
    AlreadyExistsError,
    ClosedError,
    ConflictError,
    CorruptError,
    DimensionMismatchError,
    InvalidArgumentError,
    KoruError,
    LimitExceededError,
    LockedError,
    NotFoundError,
    PoisonedError,
    ReadOnlyError,
    StorageFullError,
    StorageIOError,
    UnsupportedFormatError,
    UntrustedError,
)
from ._koru import (
    ABSENT,
    Absent,
    Archive,
    Change,
    Changes,
    Collection,
    Commit,
    CommitChange,
    Database,
    Document,
    DocumentChange,
    DocumentVersion,
    Event,
    Explain,
    History,
    Hit,
    Hits,
    Import,
    Info,
    Keys,
    Lineage,
    LineageEdge,
    Log,
    Moment,
    Scan,
    Snapshot,
    SnapshotCollection,
    Stats,
    Tag,
    Transaction,
    TransactionCollection,
    VectorConfig,
    VectorInfo,
    VerifyReport,
    Version,
    Watch,
    Workspace,
    __version__,
    _after_fork,
    import_archive,
    open,
)

__all__ = [
    "ABSENT",
    "AbortedError",
    "Absent",
    "AlreadyExistsError",
    "Archive",
    "Change",
    "Changes",
    "ClosedError",
    "Collection",
    "Commit",
    "CommitChange",
    "ConflictError",
    "CorruptError",
    "Database",
    "DimensionMismatchError",
    "Document",
    "DocumentChange",
    "DocumentVersion",
    "Event",
    "Explain",
    "History",
    "Hit",
    "Hits",
    "Import",
    "Info",
    "InvalidArgumentError",
    "Keys",
    "KoruError",
    "LimitExceededError",
    "Lineage",
    "LineageEdge",
    "LockedError",
    "Log",
    "Moment",
    "NotFoundError",
    "PoisonedError",
    "ReadOnlyError",
    "Scan",
    "Snapshot",
    "SnapshotCollection",
    "Stats",
    "StorageFullError",
    "StorageIOError",
    "Tag",
    "Transaction",
    "TransactionCollection",
    "UnsupportedFormatError",
    "UntrustedError",
    "VectorConfig",
    "VectorInfo",
    "VerifyReport",
    "Version",
    "Watch",
    "Workspace",
    "__version__",
    "import_archive",
    "open",
]

_Sequence.register(Hits)  # pyright: ignore[reportAttributeAccessIssue]

if hasattr(_os, "register_at_fork"):
    # A handle of the parent is not used in a child: its threads are not there, and its files are the parent's.
    _os.register_at_fork(after_in_child=_after_fork)
