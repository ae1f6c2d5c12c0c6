"""Exceptions: one class for each error code, the same codes in every language.

Every class derives from `KoruError`, and from the builtin that a Python program would expect.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AbortedError",
    "AlreadyExistsError",
    "ClosedError",
    "ConflictError",
    "CorruptError",
    "DimensionMismatchError",
    "InvalidArgumentError",
    "KoruError",
    "LimitExceededError",
    "LockedError",
    "NotFoundError",
    "PoisonedError",
    "ReadOnlyError",
    "StorageFullError",
    "StorageIOError",
    "UnsupportedFormatError",
    "UntrustedError",
]


class KoruError(Exception):
    """Every failure of this package. `code` says which, in a word to branch on."""

    code: ClassVar[str] = "IO"

    def __str__(self) -> str:
        # KeyError would show the message quoted, OSError with a number.
        return str(self.args[0]) if self.args else ""


class NotFoundError(KoruError, KeyError):
    """A commit, tag, version or moment that was named does not exist. A missing *document* is not an error."""

    code = "NOT_FOUND"


class AlreadyExistsError(KoruError):
    """What was to be created exists already."""

    code = "ALREADY_EXISTS"


class ConflictError(KoruError):
    """The document is not at the version that the caller expected. Read it again and retry."""

    code = "CONFLICT"


class InvalidArgumentError(KoruError, ValueError, TypeError):
    """An argument is outside of what the call takes; the message names it and its value."""

    code = "INVALID_ARGUMENT"


class LimitExceededError(KoruError, ValueError):
    """A bound would be passed. Nothing was written."""

    code = "LIMIT_EXCEEDED"


class DimensionMismatchError(KoruError, ValueError):
    """A vector does not have the dimension of its collection."""

    code = "DIMENSION_MISMATCH"


class ReadOnlyError(KoruError, PermissionError):
    """The database was opened read-only, or the directory does not allow writing."""

    code = "READ_ONLY"


class ClosedError(KoruError, ValueError):
    """The database, transaction or watch was closed before the call, or this process was forked off since."""

    code = "CLOSED"


class LockedError(KoruError, OSError):
    """Another process or handle holds the database for writing. Close it, or open read-only."""

    code = "LOCKED"


class AbortedError(KoruError):
    """The call was given up before it took effect."""

    code = "ABORTED"


class StorageIOError(KoruError, OSError):
    """The operating system refused a read or write."""

    code = "IO"


class StorageFullError(KoruError, OSError):
    """The disk or quota is full. Nothing acknowledged is lost; free space and try again."""

    code = "STORAGE_FULL"


class CorruptError(KoruError):
    """Stored bytes are not what was written. Nothing is repaired silently; run verify."""

    code = "CORRUPT"


class UnsupportedFormatError(KoruError):
    """The directory is not a database, or was written by a newer format."""

    code = "UNSUPPORTED_FORMAT"


class UntrustedError(KoruError, ValueError):
    """What came from elsewhere, such as an archive, is not what it should be."""

    code = "UNTRUSTED"


class PoisonedError(KoruError):
    """An earlier write could not be made durable, so no further write is accepted. Reopen the database."""

    code = "POISONED"


CLASSES: dict[str, type[KoruError]] = {
    each.code: each
    for each in (
        NotFoundError,
        AlreadyExistsError,
        ConflictError,
        InvalidArgumentError,
        LimitExceededError,
        DimensionMismatchError,
        ReadOnlyError,
        ClosedError,
        LockedError,
        AbortedError,
        StorageIOError,
        StorageFullError,
        CorruptError,
        UnsupportedFormatError,
        UntrustedError,
        PoisonedError,
    )
}

for _each in (KoruError, *CLASSES.values()):
    _each.__module__ = "koru_delta"
