"""Tables of pandas, polars and Arrow go in and come out as the same."""

from __future__ import annotations

from typing import Any

import pytest

from koru_delta import Database, InvalidArgumentError

ROWS: dict[str, dict[str, Any]] = {
    "ada": {"born": 1815, "score": 0.5, "tags": ["a", "b"], "photo": b"\0\xff"},
    "bob": {"born": 1900, "score": None, "tags": [], "photo": b""},
}


def documents(db: Database) -> dict[str, Any]:
    return {row.key: row.value for row in db.collection("people").scan()}


def test_pandas(db: Database) -> None:
    pandas = pytest.importorskip("pandas")
    people = db.collection("people")
    frame = pandas.DataFrame.from_dict(ROWS, orient="index")
    people.put_many(frame, author="me")
    assert documents(db) == ROWS
    assert type(documents(db)["ada"]["born"]) is int
    came = people.scan().to_pandas("name")
    assert came.index.name == "name"
    assert list(came.index) == ["ada", "bob"]
    assert came["born"].tolist() == [1815, 1900]
    assert came["score"].isna().tolist() == [False, True]
    people.put_many(frame.reset_index(names="name"), key="name")
    assert documents(db) == ROWS
    with pytest.raises(InvalidArgumentError, match="no column 'id'; there are 'born'"):
        people.put_many(frame, key="id")
    with pytest.raises(InvalidArgumentError, match="expected a str and got 0"):
        people.put_many(frame.reset_index(drop=True))


def test_polars(db: Database) -> None:
    polars = pytest.importorskip("polars")
    people = db.collection("people")
    frame = polars.DataFrame([{"name": key, **row} for key, row in ROWS.items()])
    people.put_many(frame, key="name")
    assert documents(db) == ROWS
    assert people.scan().to_polars("name").select(frame.columns).equals(frame)
    with pytest.raises(InvalidArgumentError, match="which column"):
        people.put_many(frame)


def test_arrow(db: Database) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    people = db.collection("people")
    table = pyarrow.Table.from_pylist([{"name": key, **row} for key, row in ROWS.items()])
    people.put_many(table, key="name")
    assert documents(db) == ROWS
    assert people.scan().to_arrow("name").select(table.column_names).equals(table)
    reader = pyarrow.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=1))
    people.put_many(reader, key="name")
    assert [each.version for each in people.history("ada")][0] == people.heads("ada")[0]
    assert documents(db) == ROWS


def test_documents_of_different_shapes_are_one_table(db: Database) -> None:
    pytest.importorskip("pandas")
    mixed = db.collection("mixed")
    mixed.put_many({"a": {"x": 1}, "b": {"y": "z"}, "c": 5})
    frame = mixed.scan().to_pandas()
    assert list(frame.columns) == ["x", "y", "value"]
    assert frame.loc["b", "y"] == "z"
    mixed.put("d", {"key": 1})
    with pytest.raises(InvalidArgumentError, match="has a field 'key'"):
        mixed.scan().to_pandas()
    assert len(db.collection("none").scan().to_pandas()) == 0


def test_what_is_no_table_is_refused(db: Database) -> None:
    given: Any = {"a": 1}
    with pytest.raises(InvalidArgumentError, match="expected a table"):
        db.collection("c").put_many(given, key="k")
