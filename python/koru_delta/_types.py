"""Names for what calls take."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias, Union

from ._koru import Absent, Commit, Document, DocumentVersion, Moment, Tag, Version

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

Table: TypeAlias = Union["pandas.DataFrame", "polars.DataFrame", "pyarrow.Table", "pyarrow.RecordBatchReader"]
"""What `put_many` takes rows from."""

VersionLike: TypeAlias = str | Document | Version | Commit | DocumentVersion
"""A version: its id `n@actor`, or what has one."""

MomentLike: TypeAlias = Moment | datetime | int | VersionLike | Tag | None
"""A point to read at; see `Moment`."""

Expected: TypeAlias = VersionLike | Absent | None
"""What a document has to be: at a version, `ABSENT`, or `None` for anything."""

Expiry: TypeAlias = int | datetime
"""When a document expires: milliseconds since 1970, or an aware `datetime`."""

Cause: TypeAlias = DocumentVersion | tuple[str, str, str]
"""A version of a document: a `DocumentVersion`, or collection, key and version."""
