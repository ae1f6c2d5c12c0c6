"""The pages and the examples of `docs` are true: they run as they stand there."""

from __future__ import annotations

import doctest
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from reference import page

import koru_delta
from koru_delta._errors import CLASSES

DOCS = Path(__file__).resolve().parents[2] / "docs"
EXAMPLES = DOCS / "examples" / "python"


def test_the_tutorial_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "tutorial" / "python.md").read_text(encoding="utf-8")
    # What is outside of a block is no output of what is inside.
    text = re.sub(r"^```.*$", "", text, flags=re.MULTILINE)
    test = doctest.DocTestParser().get_doctest(text, {}, "python.md", "python.md", 0)
    assert len(test.examples) > 30
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(test)
    assert runner.failures == 0


def run(example: str, *args: str | Path) -> str:
    command = [sys.executable, "-W", "error", str(EXAMPLES / example), *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_getting_started(tmp_path: Path) -> None:
    said = run("getting_started.py", tmp_path / "db.koru").splitlines()
    assert said[0] == "3 {'items': []}"
    assert said[-1] == "restored {'items': ['milk']}"


def test_audit_trail(tmp_path: Path) -> None:
    said = run("audit_trail.py", tmp_path / "db.koru")
    assert "70  clerk: order o-1 ['orders/o-1']" in said
    assert "accounts/alice" in said
    assert ".log" in said.splitlines()[-1]


def test_configuration(tmp_path: Path) -> None:
    said = run("configuration.py", tmp_path / "db.koru")
    assert "web/port: replaced 80 -> 443" in said
    assert "web/hosts/2: added None -> 'c'" in said
    assert "bob has to look again" in said
    assert said.endswith("releases: 2026.1, 2026.2\n")


def test_rag(tmp_path: Path) -> None:
    said = run("rag.py", tmp_path / "db.koru")
    assert "[1] dairy product: " in said
    assert "Question: food made from milk" in said
    assert said.count("to look at again: answers/food made from milk") == 1
    now, then = (line.split(":")[1].split(",") for line in said.splitlines() if line.startswith(("now:", "as it was:")))
    assert now[0].strip() == then[1].strip(), "the nearest one was withdrawn"
    said = run("rag.py", tmp_path / "db.koru", "which dog was bred in Newfoundland?")
    assert "words are compared, and not what they mean" in said
    assert "Newfoundland" in said.split("Question:")[0]


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL here")
def test_edge(tmp_path: Path) -> None:
    assert run("edge.py", tmp_path / "db.koru").count("all of it is there") == 3


def test_migrate_from_sqlite(tmp_path: Path) -> None:
    source = sqlite3.connect(tmp_path / "old.sqlite")
    source.executescript(
        """
        CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, score REAL, photo BLOB, parent INTEGER);
        CREATE TABLE pairs (a TEXT, b INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID;
        CREATE TABLE "odd ""name" (text TEXT);
        CREATE TABLE many (id INTEGER PRIMARY KEY, n INTEGER);
        """
    )
    source.execute("INSERT INTO people VALUES (2, 'Ada', 0.5, x'00ff', NULL), (10, 'Bob', 1.0, NULL, 2)")
    source.execute("INSERT INTO pairs VALUES ('x', 1), ('x', -2)")
    source.execute("""INSERT INTO "odd ""name" VALUES ('é')""")
    source.executemany("INSERT INTO many VALUES (?, ?)", ((n, 2**62 + n) for n in range(25_000)))
    source.commit()
    old, new = tmp_path / "old.sqlite", tmp_path / "new.koru"
    said = run("migrate_from_sqlite.py", old, new)
    assert "many: 25000 documents" in said
    with koru_delta.open(new, read_only=True) as db:
        assert db.collections() == ["many", 'odd "name', "pairs", "people"]
        rows = [(row.key, row.value) for row in db.collection("people").scan()]
        assert rows == [
            (f"{2:019}", {"id": 2, "name": "Ada", "score": 0.5, "photo": b"\0\xff", "parent": None}),
            (f"{10:019}", {"id": 10, "name": "Bob", "score": 1.0, "photo": None, "parent": 2}),
        ]
        assert list(db.collection("pairs").keys()) == ["x/-2", f"x/{1:019}"]
        assert [row.value for row in db.collection('odd "name').scan()] == [{"text": "é"}]
        assert sum(row.value["n"] - 2**62 for row in db.collection("many").scan()) == sum(range(25_000))

    source.execute("UPDATE people SET name = 'Ada L.' WHERE id = 2")
    source.execute("DELETE FROM people WHERE id = 10")
    source.commit()
    source.close()
    said = run("migrate_from_sqlite.py", old, new)
    assert "people: 2 documents" in said
    assert "many: 0 documents" in said
    with koru_delta.open(new, read_only=True) as db:
        history = [version.value["name"] for version in db.collection("people").history(f"{2:019}")]
        assert history == ["Ada L.", "Ada"]
        assert list(db.collection("people").keys()) == [f"{2:019}"]


def test_troubleshooting_knows_every_code() -> None:
    text = (DOCS / "how-to" / "troubleshooting.md").read_text(encoding="utf-8")
    missing = [code for code, kind in CLASSES.items() if f"| `{code}` `{kind.__name__}`" not in text]
    assert missing == []
    for code, kind in CLASSES.items():
        for builtin in (KeyError, ValueError, TypeError, PermissionError, OSError):
            line = next((line for line in text.splitlines() if f"`{code}`" in line), "")
            if f"`{builtin.__name__}`" in line:
                assert issubclass(kind, builtin), line


def test_the_reference_is_what_the_docstrings_say() -> None:
    path = DOCS / "reference" / "python.md"
    if os.environ.get("KORU_WRITE_REFERENCE"):
        path.write_text(page(), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == page(), "KORU_WRITE_REFERENCE=1 writes it anew"
