"""Tables of pandas, polars and Arrow, in and out. None of these is imported before somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ._errors import InvalidArgumentError

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

    from ._koru import Document, Hit


def pairs(table: Any, key: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Pairs of key and document from the rows of a table: the key from the column of that name, or from a pandas frame
    its index; the document from the other columns. What is missing is `None`."""
    kind = type(table).__module__.split(".")[0]
    if kind == "pandas":
        yield from _pandas_pairs(table, key)
        return
    if key is None:
        raise InvalidArgumentError("which column holds the keys? Name it: put_many(table, key=...)")
    if kind == "polars":
        rows: Iterable[dict[str, Any]] = table.iter_rows(named=True)
    elif kind == "pyarrow" and hasattr(table, "to_batches"):
        rows = (row for batch in table.to_batches() for row in batch.to_pylist())
    elif kind == "pyarrow":
        rows = (row for batch in table for row in batch.to_pylist())
    else:
        raise InvalidArgumentError(f"expected a table of pandas, polars or pyarrow with key=, and got {type(table)}")
    for row in rows:
        if key not in row:
            raise _no_column(key, row)
        yield row.pop(key), row


def _pandas_pairs(frame: pandas.DataFrame, key: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    if key is not None and key not in frame.columns:
        raise _no_column(key, frame.columns)
    names = [str(name) for name in frame.columns if name != key]
    keys = (frame.index if key is None else frame[key]).tolist()
    # As objects, so that what is missing can be None whatever the type of the column.
    objects = frame.astype(object).where(frame.notna(), None)
    columns = [objects[name].tolist() for name in frame.columns if name != key]
    for each, *values in zip(keys, *columns, strict=True):
        yield each, dict(zip(names, values, strict=True))


def _no_column(key: str, columns: Iterable[Any]) -> InvalidArgumentError:
    return InvalidArgumentError(f"there is no column {key!r}; there are {', '.join(map(repr, columns))}")


def _table(documents: Iterable[Document | Hit], key: str, score: str | None) -> tuple[list[str], dict[str, list[Any]]]:
    """The keys, and the columns: that of the scores, if it has a name, and the fields of the documents. A document that
    is no map has one field, `value`."""
    keys: list[str] = []
    scores: list[float] = []
    rows: list[dict[str, Any]] = []
    for document in documents:
        row = document.value if isinstance(document.value, dict) else {"value": document.value}
        for what, name in (("key", key), ("score", score)):
            if name in row:
                column = "column of the keys" if what == "key" else "column of the scores"
                raise InvalidArgumentError(
                    f"document {document.key!r} has a field {name!r}: name the {column} by {what}="
                )
        keys.append(document.key)
        rows.append(row)
        if score is not None:
            scores.append(document.score)  # type: ignore[union-attr]
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    return keys, columns if score is None else {score: scores, **columns}


def to_pandas(documents: Iterable[Document | Hit], key: str, score: str | None = None) -> pandas.DataFrame:
    import pandas

    keys, columns = _table(documents, key, score)
    return pandas.DataFrame(columns, index=pandas.Index(keys, name=key, dtype=object))


def to_polars(documents: Iterable[Document | Hit], key: str, score: str | None = None) -> polars.DataFrame:
    import polars

    keys, columns = _table(documents, key, score)
    return polars.DataFrame({key: keys, **columns}, schema_overrides={key: polars.String}, strict=False)


def to_arrow(documents: Iterable[Document | Hit], key: str, score: str | None = None) -> pyarrow.Table:
    import pyarrow

    keys, columns = _table(documents, key, score)
    return pyarrow.table({key: pyarrow.array(keys, pyarrow.string()), **columns})
