"""Moves a SQLite database: each table becomes a collection, each row a document, all rows of a table as of one moment.

    python migrate_from_sqlite.py old.sqlite new.koru

It can be run again: rows that did not change are left alone, and rows that are gone are deleted, so that a second run
brings over what happened since the first, as new versions.
"""

import itertools
import sqlite3
import sys
from collections.abc import Iterator
from typing import Any

import koru_delta

ROWS = 10_000
"""Rows of one commit."""


def key_of(row: sqlite3.Row, primary: list[str]) -> str:
    """The key of a row: its primary key, the parts of a compound one with a slash between. Whole numbers are padded, so
    that the order of the keys is that of the numbers."""
    parts = []
    for name in primary:
        part = row[name]
        if isinstance(part, int) and part >= 0:
            parts.append(f"{part:019}")
        elif isinstance(part, bytes):
            parts.append(part.hex())
        else:
            parts.append(str(part))
    return "/".join(parts)


def rows(source: sqlite3.Connection, table: str) -> Iterator[tuple[str, dict[str, Any]]]:
    quoted = '"' + table.replace('"', '""') + '"'
    columns = source.execute(f"PRAGMA table_info({quoted})").fetchall()
    primary = [column["name"] for column in sorted(columns, key=lambda c: c["pk"]) if column["pk"]]
    if not primary:
        # A table without a primary key has a hidden number for each row.
        primary = ["rowid"]
        cursor = source.execute(f"SELECT rowid AS rowid, * FROM {quoted}")
    else:
        cursor = source.execute(f"SELECT * FROM {quoted}")
    for row in cursor:
        fields = {name: row[name] for name in row.keys() if primary != ["rowid"] or name != "rowid"}
        yield key_of(row, primary), fields


def migrate(source: sqlite3.Connection, db: koru_delta.Database) -> dict[str, int]:
    """Returns for each table how many documents were written or deleted."""
    source.row_factory = sqlite3.Row
    # All tables are read in one transaction, and so as of one moment.
    source.execute("BEGIN")
    names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    written: dict[str, int] = {}
    for (table,) in source.execute(names).fetchall():
        collection = db.collection(table)
        gone = set(collection.keys())
        written[table] = 0
        pairs = rows(source, table)
        while batch := dict(itertools.islice(pairs, ROWS)):
            gone -= batch.keys()
            there = collection.get_many(list(batch))
            changed = {key: row for (key, row), old in zip(batch.items(), there, strict=True) if old != row}
            collection.put_many(changed, author="migrate_from_sqlite", message=f"table {table}")
            written[table] += len(changed)
        for key in gone:
            collection.delete(key, author="migrate_from_sqlite")
        written[table] += len(gone)
    source.execute("COMMIT")
    return written


def main(old: str, new: str) -> None:
    source = sqlite3.connect(f"file:{old}?mode=ro", uri=True)
    try:
        with koru_delta.open(new) as db:
            for table, count in migrate(source, db).items():
                print(f"{table}: {count} documents")
    finally:
        source.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
