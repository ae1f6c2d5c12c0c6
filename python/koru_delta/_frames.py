"""Tables of pandas, polars and Arrow, in and out. None of these is imported before somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ._errors import InvalidArgumentError

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

    from ._koru import Document


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


def _rows(documents: Iterable[Document], key: str) -> tuple[list[str], list[dict[str, Any]]]:
    """The keys, and the fields of the documents. A document that is no map has one field, `value`."""
    keys: list[str] = []
    rows: list[dict[str, Any]] = []
    for document in documents:
        row = document.value if isinstance(document.value, dict) else {"value": document.value}
        if key in row:
            raise InvalidArgumentError(
                f"document {document.key!r} has a field {key!r}: name the column of the keys by key="
            )
        keys.append(document.key)
        rows.append(row)
    return keys, rows


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def to_pandas(documents: Iterable[Document], key: str) -> pandas.DataFrame:
    import pandas

    keys, rows = _rows(documents, key)
    return pandas.DataFrame(_columns(rows), index=pandas.Index(keys, name=key, dtype=object))


def to_polars(documents: Iterable[Document], key: str) -> polars.DataFrame:
    import polars

    keys, rows = _rows(documents, key)
    return polars.DataFrame({key: keys, **_columns(rows)}, schema_overrides={key: polars.String}, strict=False)


def to_arrow(documents: Iterable[Document], key: str) -> pyarrow.Table:
    import pyarrow

    keys, rows = _rows(documents, key)
    return pyarrow.table({key: pyarrow.array(keys, pyarrow.string()), **_columns(rows)})
