"""Names for what calls take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypedDict, Union

from ._koru import Absent, Commit, Document, DocumentVersion, Moment, Tag, Version

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow
    from typing_extensions import Buffer
else:
    Buffer = Any


class ArrayLike(Protocol):
    """What numpy makes an array of: tensors, series."""

    def __array__(self) -> Any: ...


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

VectorLike: TypeAlias = Union[Buffer, Sequence[float], "ArrayLike"]
"""Numbers: an array of one dimension of numpy or anything else with a buffer or `__array__`, or a sequence."""

MatrixLike: TypeAlias = Union[Buffer, Iterable[VectorLike | None], "ArrayLike"]
"""Vectors of several documents: an array of two dimensions, or vectors one after the other."""

ImportChange: TypeAlias = (
    tuple[str, str] | tuple[str, str, Any] | tuple[str, str, Any, VectorLike | Mapping[str, VectorLike] | None]
)
"""A change of an import: collection and key, then value, then vectors; of collection and key alone, a deletion."""

Cause: TypeAlias = DocumentVersion | tuple[str, str, str]
"""A version of a document: a `DocumentVersion`, or collection, key and version."""


class How(TypedDict, total=False):
    """How to search; see `koru_delta.Collection.search`."""

    k: int
    name: str
    filter: Mapping[str, Any] | None
    prefix: str | None
    from_: str | None
    after: str | None
    to: str | None
    before: str | None
    threshold: float | None
    ef: int | None
    exact: bool
    include: Iterable[Literal["values", "vectors"]] | None


class HowAsOf(How, total=False):
    """How to search, and as of which moment."""

    as_of: MomentLike
