"""Vectors go in as anything that has numbers and come out as they are kept; search finds what a comparison with every
document finds, now and as of any moment."""

from __future__ import annotations

import array
import asyncio
import json
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest

import koru_delta
from koru_delta import (
    Database,
    DimensionMismatchError,
    Hit,
    InvalidArgumentError,
    LimitExceededError,
    NotFoundError,
    aio,
)

SAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "data" / "wordnet-5k"


class Tensor:
    """What numpy makes an array of, as tensors of other packages are."""

    def __init__(self, of: Any) -> None:
        self.of = of

    def __array__(self) -> Any:
        return self.of


FORMS: dict[str, Callable[[Sequence[float]], Any]] = {
    "list": list,
    "tuple": tuple,
    "float32": lambda x: numpy.array(x, "f4"),
    "float64": lambda x: numpy.array(x, "f8"),
    "float16": lambda x: numpy.array(x, "f2"),
    "int8": lambda x: numpy.array(x, "i1"),
    "big-endian": lambda x: numpy.array(x, ">f4"),
    "big-endian float64": lambda x: numpy.array(x, ">f8"),
    "strided": lambda x: numpy.repeat(numpy.array(x, "f4"), 3)[::3],
    "reversed": lambda x: numpy.array(x[::-1], "f8")[::-1],
    "column": lambda x: numpy.array([x, x], "f4", order="F")[0],
    "read-only": lambda x: numpy.frombuffer(numpy.array(x, "f4").tobytes(), "f4"),
    "unaligned": lambda x: numpy.frombuffer(b"x" + numpy.array(x, "f4").tobytes(), "f4", offset=1),
    "array": lambda x: array.array("f", x),
    "array of doubles": lambda x: array.array("d", x),
    "memoryview": lambda x: memoryview(array.array("f", x)),
    "scalars": lambda x: [numpy.float32(each) for each in x],
    "ints": lambda x: [int(each) for each in x],
    "tensor": lambda x: Tensor(numpy.array(x, "f4")),
    "tensor of float64": lambda x: Tensor(numpy.array(x, "f8")),
}


@pytest.mark.parametrize("form", FORMS)
def test_numbers_of_any_form_go_in_and_come_out_as_float32(db: Database, form: str) -> None:
    numbers = [1.0, -2.0, 3.0, 0.0, 100.0]
    notes = db.collection("notes")
    notes.put("a", 1, vector=FORMS[form](numbers))
    notes.put("b", 1, vectors={"title": FORMS[form](numbers[:2]), "default": numbers})
    vectors = notes.vectors("a")
    assert vectors is not None
    assert list(vectors) == ["default"]
    assert vectors["default"].dtype == numpy.float32
    assert vectors["default"].tolist() == numbers
    vectors["default"][0] = 5
    assert {name: vector.tolist() for name, vector in (notes.vectors("b") or {}).items()} == {
        "default": numbers,
        "title": numbers[:2],
    }
    assert notes.search(FORMS[form](numbers), name="default")[0].score == pytest.approx(1.0)


MATRICES: dict[str, Callable[[Any], Any]] = {
    "float32": lambda x: x,
    "float64": lambda x: x.astype("f8"),
    "float16": lambda x: x.astype("f2"),
    "column by column": lambda x: numpy.asfortranarray(x),
    "strided": lambda x: numpy.repeat(numpy.repeat(x, 2, axis=0), 2, axis=1)[::2, ::2],
    "big-endian": lambda x: x.astype(">f4"),
    "lists": lambda x: x.tolist(),
    "rows": list,
    "generator": iter,
    "tensor": Tensor,
    "by name": lambda x: {"default": x},
}


@pytest.mark.parametrize("form", MATRICES)
def test_a_matrix_is_one_vector_for_each_document(db: Database, form: str) -> None:
    # Longer than what is read of it at a time.
    matrix = numpy.arange(3000 * 40, dtype="f4").reshape(3000, 40) % 251
    notes = db.collection("notes")
    documents = {f"{n:04}": n for n in range(len(matrix))}
    notes.put_many(documents, vectors=MATRICES[form](matrix), author="me")
    for key, n in documents.items():
        assert ((notes.vectors(key) or {})["default"] == matrix[n]).all()
    with db.transaction() as tx:
        tx.collection("others").put_many(documents.items(), vectors=MATRICES[form](matrix))
        tx.collection("others").put("one", 1, vector=matrix[0])
    assert ((db.collection("others").vectors("2999") or {})["default"] == matrix[-1]).all()
    assert len(db.collection("others").search(matrix[7], k=5)) == 5


def test_some_documents_have_none_and_some_have_several(db: Database) -> None:
    notes = db.collection("notes")
    rows = [("a", 1), ("b", 2), ("c", 3)]
    matrices: dict[str, Any] = {"body": [[1, 0], None, [0, 1]], "title": numpy.eye(3)}
    notes.put_many(rows, vectors=matrices)
    assert {key: list(notes.vectors(key) or {}) for key, _ in rows} == {
        "a": ["body", "title"],
        "b": ["title"],
        "c": ["body", "title"],
    }
    assert [hit.key for hit in notes.search([0, 1], name="body")] == ["c", "a"]
    assert notes.vectors("d") is None
    notes.put("a", 1)
    assert notes.vectors("a") == {}, "a write replaces the whole document"
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"n": [1, 2]}, index=["x", "y"])
    notes.put_many(frame, vectors={"body": pandas.DataFrame([[1.0, 0.0], [0.0, 1.0]])})
    assert (notes.vectors("y") or {})["body"].tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("vectors", "says"),
    [
        ([[1.0, 2.0]], "no vector 'default' for document 'b'"),
        (numpy.zeros((3, 2)), "more vectors 'default' than the 2 documents"),
        ([[1, 2], [3, float("nan")]], "notes/b: number 1 of vector 'default' is NaN"),
        (numpy.array([[1, 2], [numpy.inf, 3]], "f4"), "notes/b: number 0 of vector 'default' is inf"),
        ([[1, 2], [1e300, 3]], "number 0 of vector 'default' is inf"),
        ([[1, 2], [3, "4"]], "number 1 of vector 'default' is '4' of type str"),
        ([[1, 2], []], "vector 'default' has no numbers"),
        ([1, 2], "expected a vector.* got 1 of type int"),
        (numpy.zeros(4), r"expected a matrix.* array of shape \[4\]"),
        (numpy.zeros((1, 2, 2)), r"array of shape \[1, 2, 2\]"),
        (numpy.zeros((2, 2), complex), "an array of complex128 has no numbers"),
        (numpy.array([["a"], ["b"]]), "has no numbers"),
        ("ab", "expected a matrix"),
        (5, "expected a matrix"),
        ({"title": 5}, "expected a matrix"),
    ],
)
def test_what_is_no_matrix_is_refused_with_its_place(db: Database, vectors: Any, says: str) -> None:
    notes = db.collection("notes")
    says = says.replace("'", "[\"']")
    with pytest.raises(InvalidArgumentError, match=says):
        notes.put_many({"a": 1, "b": 2}, vectors=vectors)
    with pytest.raises(InvalidArgumentError, match=says), db.transaction() as tx:
        tx.collection("notes").put_many({"a": 1, "b": 2}, vectors=vectors)
    assert list(notes.keys()) == []


@pytest.mark.parametrize(
    "vector",
    ["text", b"bytes", 5, {1.0: 2.0}, {1.0}, numpy.float32(1), numpy.zeros((1, 2)), iter([1.0]), [[1.0]], [None], []],
)
def test_what_is_no_vector_is_refused(db: Database, vector: Any) -> None:
    notes = db.collection("notes")
    notes.put("there", 1, vector=[1.0, 2.0])
    for attempt in (
        lambda: notes.put("a", 1, vector=vector),
        lambda: notes.put("a", 1, vectors={"title": vector}),
        lambda: notes.search(vector),
    ):
        with pytest.raises(InvalidArgumentError):
            attempt()
    assert "a" not in notes


def test_errors_have_their_class_and_name_what_was_wrong(db: Database) -> None:
    notes = db.collection("notes")
    with pytest.raises(NotFoundError, match="notes has no vectors"):
        notes.search([1.0])
    notes.put("a", {"n": 1}, vector=[1.0, 2.0])
    notes.put("plain", 1)
    with pytest.raises(DimensionMismatchError, match="notes/b"):
        notes.put("b", 1, vector=[1.0, 2.0, 3.0])
    with pytest.raises(DimensionMismatchError, match="notes/c"):
        notes.put_many({"b": 1, "c": 1}, vectors=[[1.0, 2.0], [3.0]])
    with pytest.raises(DimensionMismatchError):
        notes.search([1.0])
    with pytest.raises(DimensionMismatchError):
        notes.search_many([[1.0, 2.0], [1.0]])
    with pytest.raises(DimensionMismatchError):
        notes.configure_vectors(dimension=3)
    with pytest.raises(InvalidArgumentError, match="number 1 of vector .default. is NaN"):
        notes.search([1.0, float("nan")])
    with pytest.raises(InvalidArgumentError, match="one of them"):
        notes.search()
    with pytest.raises(InvalidArgumentError, match="one of them"):
        notes.search([1.0, 2.0], like="a")
    with pytest.raises(InvalidArgumentError, match="which vectors= has as well"):
        notes.put("b", 1, vector=[1.0, 2.0], vectors={"default": [1.0, 2.0]})
    with pytest.raises(NotFoundError, match="no document notes/none"):
        notes.search(like="none")
    with pytest.raises(NotFoundError, match="notes/plain has no vector"):
        notes.search(like="plain")
    with pytest.raises(InvalidArgumentError, match=r"filter: at /n/\$above"):
        notes.search([1.0, 2.0], filter={"n": {"$above": 1}})
    with pytest.raises(InvalidArgumentError, match="k of -1"):
        notes.search([1.0, 2.0], k=-1)
    with pytest.raises(InvalidArgumentError, match="k of 0"):
        notes.search([1.0, 2.0], k=0)
    with pytest.raises(LimitExceededError, match="k of 1000000"):
        notes.search([1.0, 2.0], k=1_000_000)
    with pytest.raises(InvalidArgumentError, match="from_ or after"):
        notes.search([1.0, 2.0], from_="a", after="b")
    wrong: Any
    for wrong in ("vectors", ["vector"], 5, [5]):
        with pytest.raises(InvalidArgumentError):
            notes.search([1.0, 2.0], include=wrong)
    wrong = "manhattan"
    with pytest.raises(InvalidArgumentError, match="there are cosine, euclidean, dot"):
        notes.configure_vectors(dimension=2, metric=wrong)
    for dimension in (-1, 0):
        with pytest.raises(InvalidArgumentError, match=f"a dimension of {dimension}"):
            notes.configure_vectors("other", dimension=dimension)
    with pytest.raises(LimitExceededError, match="a dimension of 5000"):
        notes.configure_vectors("other", dimension=5000)
    with pytest.raises(LimitExceededError, match="at most 4096"):
        notes.put("b", 1, vector=numpy.zeros(5000))
    with pytest.raises(LimitExceededError, match="at most 4096"):
        notes.put_many({"b": 1}, vectors=numpy.zeros((1, 5000)))
    with pytest.raises(LimitExceededError, match="at most 16"):
        notes.put("b", 1, vectors={str(n): [1.0] for n in range(17)})
    assert list(notes.keys()) == ["a", "plain"]


def test_hits_are_a_sequence_of_what_was_found(db: Database) -> None:
    notes = db.collection("notes")
    version = notes.put("a", {"n": 1}, vector=[1.0, 0.0])
    notes.put("b", {"n": 2}, vector=[0.6, 0.8])
    hits = notes.search([1.0, 0.0], include=["values", "vectors"])
    assert isinstance(hits, Sequence)
    assert (len(hits), hits[-1].key, [hit.key for hit in hits[::-1]]) == (2, "b", ["b", "a"])
    first, second = hits
    assert (first.key, first.score, first.version, first.value) == ("a", 1.0, version, {"n": 1})
    assert first.vectors is not None
    assert first.vectors["default"].tolist() == [1.0, 0.0]
    assert second.score == pytest.approx(0.6)
    assert (first in hits, hits.index(second), hits.count(first), first == second) == (True, 1, 1, False)
    assert notes.search([1.0, 0.0])[0] != first, "one has vectors"
    match first:
        case Hit(key=key, score=score):
            assert (key, score) == ("a", 1.0)
        case _:
            pytest.fail("a hit can be taken apart")
    assert repr(notes.search([1.0, 0.0], k=1)) == (
        f"Hits((Hit(key='a', score=1.0, version='{version}', value={{'n': 1}}, vectors=None),))"
    )
    bare = notes.search([1.0, 0.0], include=[])
    assert [(hit.value, hit.vectors) for hit in bare] == [(None, None)] * 2
    explain = hits.explain
    assert explain.plan in ("documents", "rows", "flat", "graph")
    # Without an index all is compared: its thread may not have come to it yet.
    assert (explain.taken, not explain.degraded or explain.plan == "documents") == (2, True)
    assert explain.reason
    with pytest.raises(IndexError):
        hits[2]
    with pytest.raises(ValueError, match="not in"):
        hits.index(hits[0].key)
    assert not notes.search([1.0, 0.0], filter={"n": 3})


def test_hits_are_a_table(db: Database) -> None:
    notes = db.collection("notes")
    notes.put_many({"a": {"n": 1}, "b": {"n": 2, "score": 5}}, vectors=[[1.0, 0.0], [0.6, 0.8]])
    hits = notes.search([1.0, 0.0])
    with pytest.raises(InvalidArgumentError, match="has a field 'score': name the column of the scores by score="):
        hits.to_pandas()
    frame = hits.to_pandas(score="near")
    assert list(frame.columns) == ["near", "n", "score"]
    assert list(frame.index) == ["a", "b"]
    assert frame["near"].tolist() == [hit.score for hit in hits]
    assert hits.to_polars(score="near")["n"].to_list() == [1, 2]
    assert hits.to_arrow("id", "near").column_names == ["id", "near", "n", "score"]


def test_the_configuration_is_told_and_decides(db: Database) -> None:
    notes = db.collection("notes")
    assert notes.vector_config() is None
    assert notes.configure_vectors(dimension=2, metric="euclidean", codes="f32") is not None
    assert notes.configure_vectors(dimension=2, metric="euclidean", codes="f32") is None
    version = notes.configure_vectors("title", dimension=2, author="me", message="by angle")
    assert version is not None
    assert (db.commit(version).author, db.commit(version).message) == ("me", "by angle")
    config = notes.vector_config()
    assert config is not None
    assert (config.dimension, config.metric, config.index, config.codes) == (2, "euclidean", "auto", "f32")
    notes.put_many({"a": 1, "b": 2, "c": 3}, vectors=[[0.0, 0.0], [3.0, 4.0], [10.0, 0.0]])
    assert [(hit.key, hit.score) for hit in notes.search([0.0, 0.0], threshold=5)] == [("a", 0.0), ("b", 5.0)]
    notes.configure_vectors(dimension=2, metric="dot")
    assert [hit.key for hit in notes.search([1.0, 0.0])] == ["c", "b", "a"]


def test_what_is_known_of_vectors_is_told() -> None:
    # Inline, because a thread brings indexes up to date when it comes to it.
    with koru_delta.open("memory:", maintenance="inline") as db:
        notes = db.collection("notes")
        assert notes.vector_info() == []
        notes.put_many({"a": 1, "b": 2, "c": 3}, vectors=[[0.0, 1.0], [3.0, 4.0], [10.0, 0.0]])
        notes.put("d", 4, vectors={"title": [1.0, 2.0, 3.0]})
        infos = {info.name: info for info in notes.vector_info()}
        assert list(infos) == ["default", "title"]
        assert infos["default"].config == notes.vector_config()
        assert [(info.documents, info.versions, info.ready) for info in infos.values()] == [(3, 3, True), (1, 1, True)]
        assert infos["title"].index != "auto"
        assert not notes.search([1.0, 0.0]).explain.degraded


def test_the_memory_of_indexes_is_bounded() -> None:
    with koru_delta.open("memory:", vector_bytes=1000, maintenance="inline") as db:
        notes = db.collection("notes")
        notes.put_many({str(n): n for n in range(100)}, vectors=numpy.ones((100, 100)))
        with pytest.raises(LimitExceededError):
            notes.search(numpy.ones(100))
        assert len(notes.search(numpy.ones(100), exact=True)) == 10


def test_search_takes_what_scan_takes(db: Database) -> None:
    notes = db.collection("notes")
    keys = ["a1", "a2", "a3", "b1", "b2"]
    notes.put_many({key: n for n, key in enumerate(keys)}, vectors=[[1.0, n] for n in range(5)])
    ranges: list[dict[str, Any]] = [
        {"prefix": "a"},
        {"from_": "a2"},
        {"after": "a2"},
        {"to": "b1"},
        {"before": "b1", "prefix": "b"},
    ]
    for given in ranges:
        assert [hit.key for hit in notes.search([1.0, 0.0], **given)] == list(notes.keys(**given))


def test_the_past_is_found_as_it_was(db: Database) -> None:
    notes = db.collection("notes")
    first = notes.put("a", "old", vector=[1.0, 0.0])
    notes.put("b", "new", vector=[0.9, 0.1])
    notes.put("a", "new", vector=[0.0, 1.0])
    assert [(hit.key, hit.value) for hit in notes.search([1.0, 0.0])] == [("b", "new"), ("a", "new")]
    for hits in (
        notes.search([1.0, 0.0], as_of=first),
        notes.as_of(first).search([1.0, 0.0]),
        db.as_of(first).collection("notes").search([1.0, 0.0]),
        notes.search_many([[1.0, 0.0]], as_of=first)[0],
        notes.as_of(first).search_many([[1.0, 0.0]])[0],
    ):
        assert [(hit.key, hit.value, hit.version) for hit in hits] == [("a", "old", first)]
    assert (notes.as_of(first).vectors("a") or {})["default"].tolist() == [1.0, 0.0]


@pytest.fixture(scope="module")
def sample() -> tuple[list[dict[str, Any]], Any, Any]:
    with (SAMPLE / "glosses.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return rows, numpy.load(SAMPLE / "vectors.f16.npy"), numpy.load(SAMPLE / "queries.f32.npy")


def test_real_embeddings_are_found_as_numpy_finds_them(
    db: Database, sample: tuple[list[dict[str, Any]], Any, Any]
) -> None:
    rows, matrix, queries = sample
    glosses = db.collection("glosses")
    glosses.put_many(((row["key"], row) for row in rows), vectors=matrix)
    base = matrix.astype("f4")
    base /= numpy.linalg.norm(base, axis=1, keepdims=True)
    scores = queries @ base.T
    found = glosses.search_many(queries, exact=True, include=[])
    assert len(found) == len(queries)
    for query, hits, row in zip(queries, found, scores, strict=True):
        best = [rows[n]["key"] for n in numpy.argsort(-row, kind="stable")[:10]]
        assert [hit.key for hit in hits] == best
        assert [hit.score for hit in hits] == pytest.approx(row[numpy.argsort(-row, kind="stable")[:10]], abs=1e-5)
        # Without `exact` too all but a few are found.
        assert len({hit.key for hit in glosses.search(query, include=[])} & set(best)) >= 8
    animals = [n for n, each in enumerate(rows) if each["topic"] == "noun.animal"]
    hits = glosses.search(queries[0], filter={"topic": "noun.animal"}, k=5, exact=True)
    assert [hit.key for hit in hits] == [rows[animals[n]]["key"] for n in numpy.argsort(-scores[0][animals])[:5]]
    assert all(hit.value["topic"] == "noun.animal" for hit in hits)
    like = glosses.search(like=rows[0]["key"], k=3, exact=True)
    near = numpy.argsort(-(base[0] @ base.T))[1:4]
    assert [hit.key for hit in like] == [rows[n]["key"] for n in near]


def test_others_go_on_while_many_are_searched(db: Database) -> None:
    """The interpreter's lock is given up for the whole of a batch."""
    notes = db.collection("notes")
    matrix = numpy.random.default_rng(1).standard_normal((4000, 64)).astype("f4")
    notes.put_many({str(n): n for n in range(len(matrix))}, vectors=matrix)
    turns, done = 0, threading.Event()

    def search() -> None:
        notes.search_many(matrix[:50], include=[], exact=True)
        done.set()

    # A thread that holds the lock is asked for it at most this often, so whoever counts far has not waited for it.
    before = sys.getswitchinterval()
    sys.setswitchinterval(60)
    try:
        thread = threading.Thread(target=search)
        thread.start()
        while not done.is_set():
            turns += 1
        thread.join()
    finally:
        sys.setswitchinterval(before)
    assert turns > 1000


def test_asyncio_has_the_same() -> None:
    async def main() -> None:
        async with await aio.open("memory:") as db:
            notes = db.collection("notes")
            await notes.configure_vectors(dimension=2, metric="dot")
            first = await notes.put("a", 1, vector=[1.0, 0.0])
            await notes.put_many({"b": 2, "c": 3}, vectors=numpy.eye(2))
            async with db.transaction() as tx:
                tx.collection("notes").put("a", 2, vector=[2.0, 0.0])
                tx.collection("notes").put_many({"d": 4}, vectors=[[3.0, 0.0]])
            config = await notes.vector_config()
            assert config is not None
            assert config.metric == "dot"
            assert [info.config for info in await notes.vector_info()] == [config]
            assert [hit.key for hit in await notes.search([1.0, 0.0], k=3)] == ["d", "a", "b"]
            assert [hit.value for hit in await notes.search([1.0, 0.0], as_of=first)] == [1]
            then = await notes.as_of(first)
            assert [hit.value for hit in await then.search(like=None, vector=[1.0, 0.0])] == [1]
            assert [len(hits) for hits in await notes.search_many(numpy.eye(2), k=2, include=[])] == [2, 2]
            assert [len(hits) for hits in await then.search_many(numpy.eye(2))] == [1, 1]
            assert (await notes.vectors("d") or {})["default"].tolist() == [3.0, 0.0]
            assert (await then.vectors("a") or {})["default"].tolist() == [1.0, 0.0]

    asyncio.run(main())


def test_without_numpy_vectors_are_arrays_of_the_standard_library() -> None:
    code = """
import sys
sys.modules["numpy"] = None
import array, koru_delta
db = koru_delta.open("memory:")
notes = db.collection("notes")
notes.put_many({"a": 1, "b": 2}, vectors=[array.array("f", [1, 2]), [3, 4]])
print(notes.vectors("b"), [hit.key for hit in notes.search([0, 1], include=["vectors"])])
db.close()
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "{'default': array('f', [3.0, 4.0])} ['a', 'b']\n"


def test_no_warning_is_given_whatever_the_numbers(db: Database) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for dtype in ("f8", ">f8"):
            with pytest.raises(InvalidArgumentError, match="number 0"):
                db.collection("notes").put("a", 1, vector=numpy.array([1e300, 1.0], dtype))


def test_a_database_with_vectors_is_whole_after_it_was_opened_again(tmp_path: Path) -> None:
    matrix = numpy.random.default_rng(2).standard_normal((300, 8)).astype("f4")
    with koru_delta.open(tmp_path / "db.koru", durability="none") as db:
        notes = db.collection("notes")
        notes.put_many({f"{n:03}": n for n in range(300)}, vectors=matrix)
        before = [(hit.key, hit.score) for hit in notes.search(matrix[5], k=20)]
    with koru_delta.open(tmp_path / "db.koru", read_only=True) as db:
        notes = db.collection("notes")
        assert [(hit.key, hit.score) for hit in notes.search(matrix[5], k=20)] == before
        assert db.verify().ok
