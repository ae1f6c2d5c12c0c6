"""The operations, on databases in memory and in directories."""

from __future__ import annotations

import gc
import io
import pickle
import tarfile
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import koru_delta
from koru_delta import (
    ABSENT,
    AlreadyExistsError,
    ClosedError,
    ConflictError,
    Database,
    DocumentVersion,
    InvalidArgumentError,
    LockedError,
    Moment,
    NotFoundError,
    ReadOnlyError,
)


def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "db.koru"
    with koru_delta.open(path) as db:
        version = db.collection("c").put("k", {"a": 1})
    assert db.closed
    with koru_delta.open(str(path), create=False) as db, koru_delta.open(path, read_only=True) as beside:
        for each in (db, beside):
            document = each.collection("c").document("k")
            assert document is not None
            assert (document.value, document.version) == ({"a": 1}, version)
        with pytest.raises(ReadOnlyError):
            beside.collection("c").put("k", 1)
        with pytest.raises(LockedError) as raised:
            koru_delta.open(path)
        assert isinstance(raised.value, OSError)
    with koru_delta.open(f"file:{path}", read_only=True) as db:
        assert "k" in db.collection("c")


def test_wrong_places_and_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        koru_delta.open(tmp_path / "none.koru", create=False)
    for url in ("opfs:x", "idb:x", "https://example.org/x"):
        with pytest.raises(InvalidArgumentError, match="for browsers"):
            koru_delta.open(url)
    options: list[dict[str, Any]] = [{"durability": "some"}, {"maintenance": "some"}, {"cache_bytes": 1}]
    for each in options:
        with pytest.raises(InvalidArgumentError):
            koru_delta.open("memory:", **each)
    wrong: Any = 5
    with pytest.raises(InvalidArgumentError, match="expected a path"):
        koru_delta.open(wrong)
    with pytest.raises(InvalidArgumentError):
        koru_delta.open("")


def test_every_call_on_a_closed_database_says_so(db: Database) -> None:
    documents = db.collection("c")
    version = documents.put("k", 1)
    snapshot = db.snapshot()
    rows = documents.scan()
    db.close()
    db.close()
    calls: list[Any] = [
        lambda: documents.get("k"),
        lambda: documents.put("k", 2),
        lambda: documents.put_many({"k": 2}),
        lambda: documents.delete("k"),
        lambda: list(documents.scan()),
        lambda: list(rows),
        lambda: list(documents.history("k")),
        lambda: documents.restore("k", version),
        lambda: snapshot.collection("c").get("k"),
        lambda: db.transaction().__enter__(),
        db.info,
        db.verify,
        db.sync,
        db.export,
    ]
    for call in calls:
        with pytest.raises(ClosedError):
            call()


def test_an_expected_version_is_looked_at(db: Database) -> None:
    documents = db.collection("c")
    first = documents.put("k", 1, expected=ABSENT)
    with pytest.raises(ConflictError):
        documents.put("k", 2, expected=ABSENT)
    second = documents.put("k", 2, expected=first)
    with pytest.raises(ConflictError):
        documents.delete("k", expected=first)
    document = documents.document("k")
    assert document is not None
    assert documents.delete("k", expected=document) is not None
    assert documents.delete("k") is None
    assert [each.version for each in documents.history("k")][1:] == [second, first]


def test_a_document_expires(db: Database) -> None:
    documents = db.collection("c")
    documents.put("past", 1, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    documents.put("ms", 1, expires_at=1)
    at = datetime.now(UTC) + timedelta(hours=1)
    documents.put("later", 1, expires_at=at)
    assert [row.key for row in documents.scan()] == ["later"]
    document = documents.document("later")
    assert document is not None and document.expires_at == at.timestamp() * 1000 // 1
    wrong: Any = "tomorrow"
    with pytest.raises(InvalidArgumentError, match="expires_at"):
        documents.put("k", 1, expires_at=wrong)


def test_ranges(db: Database) -> None:
    documents = db.collection("c")
    documents.put_many({key: key.upper() for key in ["a", "b", "ba", "bb", "c", "é"]})

    def keys(**given: Any) -> list[str]:
        found = [row.key for row in documents.scan(**given)]
        assert list(documents.keys(**given)) == found
        assert list(documents.as_of(None).keys(**given)) == found
        with db.transaction() as tx:
            assert tx.collection("c").keys(**given) == found
        return found

    assert keys() == ["a", "b", "ba", "bb", "c", "é"]
    assert keys(prefix="b") == ["b", "ba", "bb"]
    assert keys(from_="b", before="c") == ["b", "ba", "bb"]
    assert keys(after="b", to="c") == ["ba", "bb", "c"]
    assert keys(descending=True, limit=2) == ["é", "c"]
    assert keys(limit=0) == []
    with pytest.raises(InvalidArgumentError, match="from_ or after"):
        documents.scan(from_="a", after="b")
    assert documents.get_many(["c", "no", "a"]) == ["C", None, "A"]


def test_a_scan_sees_one_moment_and_reads_as_it_goes(db: Database) -> None:
    documents = db.collection("c")
    documents.put_many((f"{n:05}", n) for n in range(5000))
    rows = documents.scan()
    assert next(rows).key == "00000"
    documents.put("00001", "changed")
    documents.put("99999", "new")
    assert [row.value for row in rows] == list(range(1, 5000))
    with documents.scan() as rows:
        next(rows)
    assert list(rows) == [], "it was closed"


def test_a_transaction_is_all_or_nothing(db: Database) -> None:
    documents = db.collection("c")
    with db.transaction(author="ada", message="why") as tx:
        inside = tx.collection("c")
        inside.put("a", 1)
        inside.put("b", inside.get("a") + 1)
        assert "b" in inside
        assert documents.get("a") is None, "nobody else sees it yet"
        assert tx.version is None
    commit = db.commit(tx.version or "")
    assert (commit.author, commit.message, len(commit.changes)) == ("ada", "why", 2)

    with pytest.raises(ZeroDivisionError), db.transaction() as tx:
        tx.collection("c").put("a", 2)
        _ = 1 / 0
    assert tx.version is None
    assert documents.get("a") == 1
    with pytest.raises(ClosedError):
        tx.collection("c").put("a", 2)

    with pytest.raises(ConflictError), db.transaction() as tx:
        tx.collection("c").put("x", 1)
        tx.collection("c").delete("a", expected=ABSENT)
    assert documents.get("x") is None

    with db.transaction() as tx:
        pass
    assert tx.version is None
    with pytest.raises(InvalidArgumentError, match="entered once"), tx:
        pass


def test_writing_beside_an_open_transaction_of_the_same_thread_is_refused(db: Database) -> None:
    with db.transaction(), pytest.raises(InvalidArgumentError, match="on this thread"):
        db.collection("c").put("k", 1)


def test_history_and_differences(db: Database) -> None:
    documents = db.collection("c")
    first = documents.put("k", {"a": 1, "b": [1]})
    second = documents.put("k", {"a": 2, "b": [1, None]})
    documents.delete("k")
    versions = list(documents.history("k"))
    assert [(each.deleted, each.value) for each in versions] == [
        (True, None),
        (False, {"a": 2, "b": [1, None]}),
        (False, {"a": 1, "b": [1]}),
    ]
    assert [each.value for each in documents.history("k", values=False)] == [None, None, None]
    assert [each.version for each in documents.history("k", before=second)] == [first]
    changes = documents.diff("k", first, second)
    assert [(c.path, c.kind, c.before, c.after) for c in changes] == [
        ("/a", "replaced", 1, 2),
        ("/b/1", "added", None, None),
    ]
    assert documents.version("k", first).value == {"a": 1, "b": [1]}
    assert documents.heads("k") == [versions[0].version]
    (change,) = db.diff(first)
    assert (change.collection, change.key, change.after) == ("c", "k", None)
    assert change.before is not None and change.before.value == {"a": 1, "b": [1]}
    (change,) = documents.diff_moments(first, second)
    assert [c.path for c in change.changes] == ["/a", "/b/1"]
    with pytest.raises(NotFoundError):
        documents.version("k", f"99@{first.split('@')[1]}")


def test_every_kind_of_moment_names_the_past(db: Database) -> None:
    documents = db.collection("c")
    first = documents.put("k", 1)
    document = documents.document("k")
    assert document is not None
    time.sleep(0.005)
    at = datetime.now(UTC)
    time.sleep(0.005)
    tag = db.tag("one")
    documents.put("k", 2)
    commit = db.commit(first)
    (version,) = documents.history("k", before=documents.heads("k")[0])
    moments: list[Any] = [
        first,
        document,
        document.timestamp,
        at,
        at.astimezone(timezone(timedelta(hours=5, minutes=30))),
        tag,
        commit,
        version,
        documents.at("k", first),
        Moment.tag("one"),
        Moment.commit(commit.id),
        Moment.commit(commit.id[:12]),
        Moment.version(first),
        Moment.time(at),
        Moment.time(document.timestamp),
    ]
    for moment in moments:
        assert db.as_of(moment).collection("c").get("k") == 1, moment
    for moment in (None, Moment.now(), datetime.max.replace(tzinfo=UTC)):
        assert db.as_of(moment).collection("c").get("k") == 2
    assert db.as_of(datetime(1, 1, 1, tzinfo=UTC)).collection("c").get("k") is None
    with pytest.raises(InvalidArgumentError, match="no time zone"):
        db.as_of(datetime(2026, 1, 1))
    with pytest.raises(InvalidArgumentError, match=r'Moment.tag\("one"\)'):
        db.as_of("one")
    wrong: list[Any] = [1.5, True, b"x", [], 2**63]
    for moment in wrong:
        with pytest.raises(InvalidArgumentError):
            db.as_of(moment)
    with pytest.raises(NotFoundError):
        db.as_of(Moment.tag("two"))
    assert document.time.tzinfo is UTC
    assert abs(document.time - at) < timedelta(seconds=5)


def test_tags_and_restoring(db: Database) -> None:
    documents = db.collection("c")
    documents.put("a", 1)
    tag = db.tag("before")
    assert db.tags() == [tag]
    with pytest.raises(AlreadyExistsError):
        db.tag("before")
    documents.put("a", 2)
    documents.put("b", 3)
    assert documents.restore("a", tag) is not None
    assert documents.restore("a", tag) is None
    assert documents.get("b") == 3
    assert documents.restore_all(tag) is not None
    assert documents.get("b") is None
    documents.put("b", 4)
    assert db.restore(tag) is not None
    assert db.collections() == ["c"]
    assert [row.value for row in documents.scan()] == [1]
    db.untag("before")
    with pytest.raises(NotFoundError):
        db.untag("before")


def test_the_workspace_main_is_what_the_database_is(db: Database) -> None:
    main = db.workspace("main")
    assert (main.name, db.name, repr(main)) == ("main", "main", 'Workspace("main")')
    assert isinstance(db, koru_delta.Workspace)
    version = db.collection("a").put("k", 1)
    assert main.collection("a").get("k") == 1
    with main.transaction() as tx:
        tx.collection("b").put("k", 2)
    assert db.collections() == main.collections() == ["a", "b"]
    assert main.as_of(version).collections() == ["a"]
    for name in ("draft", "$main", "Main"):
        with pytest.raises(NotFoundError, match="the only one is"):
            db.workspace(name)
    for name in ("", "a/b", "a\0b"):
        with pytest.raises(InvalidArgumentError, match="workspace"):
            db.workspace(name)


def test_who_tags_and_restores_can_be_told(db: Database) -> None:
    documents = db.collection("c")
    first = documents.put("k", 1)
    fact = documents.at("k", first)
    info: dict[str, Any] = {"author": "ada", "message": "why", "causes": [fact]}
    documents.put("k", 2)
    db.tag("t", first, **info)
    documents.restore("k", first, **info)
    documents.put("k", 3)
    documents.restore_all(first, **info)
    documents.put("k", 4)
    db.restore(first, **info)
    db.untag("t", **info)
    said = [(commit.message, commit.causes) for commit in db.log() if commit.author == "ada"]
    assert said == [("why", (fact,))] * 5


def test_lineage_follows_causes_both_ways(db: Database) -> None:
    facts, answers = db.collection("facts"), db.collection("answers")
    fact = facts.at("sky", facts.put("sky", "blue"))
    answer = answers.put("q", "blue", causes=[fact])
    again = answers.put("r", "azure", causes=[("answers", "q", answer)], author="me")
    lineage = answers.lineage("r", again)
    assert [(edge.cause.key, edge.effect.key) for edge in lineage.edges] == [("q", "r"), ("sky", "q")]
    effects = db.lineage(fact, direction="effects", depth=1)
    assert [edge.effect for edge in effects.edges] == [answers.at("q", answer)]
    assert effects.truncated
    assert db.commit(answer).causes == (fact,)
    wrong: Any = "up"
    with pytest.raises(InvalidArgumentError, match="direction"):
        db.lineage(fact, direction=wrong)
    with pytest.raises(NotFoundError):
        answers.put("x", 1, causes=[("facts", "none", fact.version)])
    bad: Any = ["facts"]
    with pytest.raises(InvalidArgumentError, match="DocumentVersion"):
        answers.put("x", 1, causes=bad)


def test_a_watch_hands_out_what_comes_and_goes_on_at_its_token(db: Database) -> None:
    documents = db.collection("c")
    watch = documents.watch(prefix="a", timeout=0.01)
    documents.put("a1", 1)
    documents.put("b1", 1)
    db.collection("other").put("a", 1)
    documents.put("a2", 2)
    documents.delete("a1")
    events = list(watch)
    assert [[c.key for c in event.commit.changes] for event in events] == [["a1"], ["a2"], ["a1"]]
    assert [[d and d.value for d in event.documents] for event in events] == [[1], [2], [None]]
    again = documents.watch(prefix="a", token=events[0].token, timeout=0.01)
    assert [event.token for event in again] == [event.token for event in events[1:]]
    assert db.watch(token=0, timeout=0).next(timeout=0) is not None

    woken: list[Any] = []
    thread = threading.Thread(target=lambda: woken.extend(db.watch()))
    thread.start()
    while not woken:
        documents.put("x", 1)
        time.sleep(0.01)
    db.close()
    thread.join(5)
    assert not thread.is_alive(), "a watch ends when the database is closed"
    with pytest.raises(InvalidArgumentError, match="timeout"):
        watch.next(timeout=-1)


def test_an_archive_is_the_whole_database(tmp_path: Path, db: Database) -> None:
    db.collection("c").put_many({str(n): "x" * 1000 for n in range(100)})
    told: list[int] = []
    stream = io.BytesIO()
    archive = db.export()
    db.collection("c").put("later", 1)
    archive.write(stream, told.append)
    archive.write(tmp_path / "copy.tar")
    assert (tmp_path / "copy.tar").read_bytes() == stream.getvalue()
    assert told == sorted(told) and told[-1] == len(stream.getvalue())
    with tarfile.open(tmp_path / "copy.tar") as tar:
        assert [(each.name, each.size) for each in tar] == archive.files()
    stream.seek(0)
    koru_delta.import_archive(tmp_path / "copy.koru", stream)
    with koru_delta.open(tmp_path / "copy.koru") as copy:
        assert copy.verify().ok
        assert sum(1 for _ in copy.collection("c").keys()) == 100
    with pytest.raises(AlreadyExistsError):
        koru_delta.import_archive(tmp_path / "copy.koru", tmp_path / "copy.tar")
    with pytest.raises(koru_delta.UntrustedError):
        koru_delta.import_archive(tmp_path / "other.koru", io.BytesIO(b"no archive"))

    class Full(io.RawIOBase):
        def write(self, _: Any) -> int:
            raise TimeoutError("the other side is gone")

    with pytest.raises(TimeoutError, match="gone"):
        archive.write(Full())
    with pytest.raises(FileNotFoundError):
        koru_delta.import_archive(tmp_path / "other.koru", tmp_path / "none.tar")


def test_an_import_brings_vectors(db: Database) -> None:
    importer = db.importer("old system")
    importer.commit(1000, [("c", "a", 1, [1.0, 0.0]), ("c", "b", 2, {"default": [0.0, 1.0], "title": [1.0]})])
    importer.commit(2000, [("c", "a", 1, None), ("c", "b")])
    documents = db.collection("c")
    then = datetime.fromtimestamp(1, UTC)
    assert [hit.key for hit in documents.search([1.0, 0.0], as_of=then)] == ["a", "b"]
    assert [hit.key for hit in documents.search([1.0], name="title", as_of=then)] == ["b"]
    assert list(documents.search([1.0, 0.0])) == []
    wrong: list[tuple[Any, str]] = [
        ([("c", "k", 1, [1.0, 2.0], 5)], "a tuple of collection"),
        ([("c", "k", 1, "text")], "expected a vector"),
    ]
    for changes, says in wrong:
        with pytest.raises(InvalidArgumentError, match=says):
            importer.commit(3000, changes)
    with pytest.raises(koru_delta.DimensionMismatchError):
        importer.commit(3000, [("c", "k", 1, [1.0])])


def test_an_import_keeps_times(db: Database) -> None:
    importer = db.importer("old system")
    assert importer.state is None
    at = datetime(1999, 12, 31, 23, 59, tzinfo=UTC)
    version = importer.commit(at, [("c", "a", 1), ("c", "b", {"x": [1]})], {"line": 2}, author="them")
    importer.commit(at + timedelta(days=1), [("c", "a")], {"line": 3})
    assert db.as_of(at).collection("c").get("a") == 1
    assert db.collection("c").get("a") is None
    assert db.commit(version or "").time == at
    assert db.importer("old system").state == {"line": 3}
    assert db.importer("old system").actor == importer.actor
    with pytest.raises(InvalidArgumentError, match="ahead of the clock"):
        importer.commit(datetime.now(UTC) + timedelta(hours=1), [("c", "a", 1)])


def test_verify_tells_its_progress_and_what_that_raises(tmp_path: Path) -> None:
    with koru_delta.open(tmp_path / "db.koru") as db:
        db.collection("c").put_many({str(n): "x" * 1000 for n in range(1000)})
        told: list[tuple[int, int]] = []
        report = db.verify(lambda done, all: told.append((done, all)))
        assert report.ok and not report.problems
        assert told and told[-1][0] <= told[-1][1]

        def stop(done: int, all: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            db.verify(stop)
        db.checkpoint()
        assert db.maintain() in (True, False)
        assert db.stats().checkpoints >= 1
        info = db.info()
        assert (info.storage, info.durability, info.read_only) == ("file", "strict", False)
        assert abs(info.created - datetime.now(UTC)) < timedelta(minutes=1)


def test_damage_is_found(tmp_path: Path) -> None:
    path = tmp_path / "db.koru"
    with koru_delta.open(path) as db:
        db.collection("c").put_many({str(n): "x" * 1000 for n in range(100)})
    (log,) = path.glob("*.log")
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 1
    log.write_bytes(content)
    try:
        with koru_delta.open(path, read_only=True) as db:
            assert not db.verify().ok
    except koru_delta.CorruptError as error:
        assert log.name in str(error)


def test_records_are_compared_by_their_fields(db: Database) -> None:
    documents = db.collection("c")
    version = documents.put("k", {"a": [1]})
    one, other = documents.document("k"), documents.document("k")
    assert one is not other and one == other
    assert repr(one).startswith("Document(key='k', value={'a': [1]}, version='1@")
    match one:
        case koru_delta.Document(key, value):
            assert (key, value) == ("k", {"a": [1]})
        case _:
            pytest.fail("records can be matched")
    at = documents.at("k", version)
    assert pickle.loads(pickle.dumps(at)) == at
    assert {at: 1}[DocumentVersion("c", "k", version)] == 1
    assert pickle.loads(pickle.dumps(ABSENT)) is ABSENT
    assert at != one
    with pytest.raises(AttributeError):
        one.value = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        Database()


def test_a_database_that_nobody_closed_is_warned_of(tmp_path: Path) -> None:
    def leak() -> koru_delta.Collection:
        return koru_delta.open(tmp_path / "db.koru").collection("c")

    documents = leak()
    gc.collect()
    documents.put("k", 1)
    with pytest.warns(ResourceWarning, match="unclosed database .*db.koru"):
        del documents
        gc.collect()
    with koru_delta.open(tmp_path / "db.koru") as db:
        assert db.collection("c").get("k") == 1
