"""What goes in comes out as the same, and what is not a value is refused by name and place."""

from __future__ import annotations

import array
import collections
import contextlib
import dataclasses
import datetime
import decimal
import enum
import math
import sys
from collections.abc import Callable
from typing import Any

import pytest

import koru_delta
from koru_delta import Database, InvalidArgumentError, LimitExceededError
from koru_delta._errors import CLASSES

VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    127,
    128,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    0.0,
    -0.0,
    0.1,
    1e300,
    5e-324,
    1.5,
    "",
    "ä€😀",
    "a\0b",
    "x" * 100_000,
    b"",
    b"\0\xff" * 1000,
    [],
    {},
    [1, [2, [3, []]]],
    {"": 1, "a/b": {"~": [None, {"deep": b"x"}]}},
    {f"key {n}": n for n in range(1000)},
    list(range(1000)),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:30])
def test_a_value_comes_back_as_the_same(db: Database, value: Any) -> None:
    documents = db.collection("values")
    documents.put("k", value)
    missing = object()
    came = documents.get("k", missing)
    assert type(came) is type(value)
    assert came == value
    assert repr(came) == repr(value) or isinstance(value, dict), "also the sign of zero"


def test_a_stored_nothing_is_not_an_absent_document(db: Database) -> None:
    documents = db.collection("values")
    documents.put("none", None)
    assert documents.get("none", "default") is None
    assert documents.get("absent", "default") == "default"
    assert "none" in documents
    assert "absent" not in documents
    assert documents.document("none") is not None
    assert documents.document("absent") is None


def test_keys_of_a_map_come_back_in_the_order_of_their_bytes(db: Database) -> None:
    db.collection("values").put("k", {"b": 1, "é": 2, "a": 3})
    assert list(db.collection("values").get("k")) == ["a", "b", "é"]


class Level(enum.IntEnum):
    HIGH = 3


class Colour(enum.StrEnum):
    RED = "red"


class Point(collections.namedtuple("Point", "x y")):
    pass


def test_derived_types_become_what_they_derive_from(db: Database) -> None:
    documents = db.collection("values")
    ordered = collections.OrderedDict(b=1, a=2)
    counted = collections.Counter("aab")
    given = [Level.HIGH, Colour.RED, Point(1, 2), (1, 2), ordered, counted, bytearray(b"ab"), memoryview(b"cd")]
    documents.put("k", given)
    came = documents.get("k")
    assert came == [3, "red", [1, 2], [1, 2], {"a": 2, "b": 1}, {"a": 2, "b": 1}, b"ab", b"cd"]
    assert [type(each) for each in came] == [int, str, list, list, dict, dict, bytes, bytes]


@dataclasses.dataclass
class Account:
    owner: str


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"a": [0, 1, 2, 2**63]}, "c/k: at /a/3: 9223372036854775808"),
        ({"a": [0, -(2**63) - 1]}, "at /a/1: -9223372036854775809"),
        ([10**5000], "at /0: an integer of 16610 bits"),
        ({"x": {"y": math.nan}}, "at /x/y: NaN"),
        ([math.inf], "at /0: inf"),
        ([-math.inf], "at /0: -inf"),
        ({"s": {1, 2}}, "at /s: an object of type set"),
        ({"a/b": {"~c": frozenset()}}, "at /a~1b/~0c: an object of type frozenset"),
        ({"n": {1: 2}}, "at /n: the key 1 is of type int"),
        ({"when": datetime.datetime(2020, 1, 1)}, "at /when: an object of type datetime.datetime"),
        ({"d": decimal.Decimal("1.5")}, "at /d: an object of type decimal.Decimal"),
        ([Account("ada")], "dataclasses.asdict"),
        ([object()], "at /0: an object of type object"),
        ([1j], "at /0: an object of type complex"),
        ([sys], "at /0: an object of type module"),
        ({"text": ["ok", "\ud800"]}, "at /text/1: text with a lone surrogate"),
        ({"\udfff": 1}, "lone surrogate"),
    ],
)
def test_what_is_not_a_value_is_refused_with_its_place(db: Database, value: Any, says: str) -> None:
    documents = db.collection("c")
    before = db.info().commits
    with pytest.raises(InvalidArgumentError) as raised:
        documents.put("k", value)
    assert says in str(raised.value)
    assert raised.value.code == "INVALID_ARGUMENT"
    with pytest.raises(InvalidArgumentError, match="^c/k: "):
        documents.put_many([("fine", 1), ("k", value)])
    with pytest.raises(InvalidArgumentError, match="^c/k: "), db.transaction() as tx:
        tx.collection("c").put("k", value)
    assert db.info().commits == before


def test_a_value_within_itself_is_too_deep(db: Database) -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(LimitExceededError):
        db.collection("c").put("k", endless)


def test_the_depth_that_is_allowed_is_allowed(db: Database) -> None:
    value: Any = 1
    for _ in range(64):
        value = [value]
    db.collection("c").put("k", value)
    assert db.collection("c").get("k") == value
    with pytest.raises(LimitExceededError):
        db.collection("c").put("k", [value])


def test_fields_with_equal_beginnings_are_not_mixed_up(db: Database) -> None:
    """Names of fields are remembered between documents; this is more of them than are."""
    documents = db.collection("c")
    for n in range(50):
        value = {f"field {n} {i}": i for i in range(100)}
        documents.put(str(n), value)
        assert documents.get(str(n)) == value


@pytest.mark.parametrize("key", [1, None, b"k", ["k"]])
def test_a_key_is_text(db: Database, key: Any) -> None:
    documents = db.collection("c")
    for call in (documents.get, documents.document, documents.delete, documents.history):
        with pytest.raises(InvalidArgumentError, match="expected a str"):
            call(key)
    with pytest.raises(InvalidArgumentError):
        documents.put(key, 1)
    with pytest.raises(TypeError):
        db.collection(key)


def test_items_of_put_many_are_pairs(db: Database) -> None:
    documents = db.collection("c")
    wrong: list[Any] = [["k"], ["ab"], [("k", 1, 2)], [1]]
    for items in wrong:
        with pytest.raises(InvalidArgumentError, match="a pair of key and value"):
            documents.put_many(items)
    documents.put_many({"a": 1, "b": 2})
    documents.put_many(collections.ChainMap({"c": 3}, {"d": 4}))
    documents.put_many((key, 5) for key in "ef")
    assert [row.key for row in documents.scan()] == list("abcdef")
    assert documents.put_many([]) is None


def test_what_a_source_of_put_many_raises_is_raised_and_nothing_is_written(db: Database) -> None:
    def source() -> Any:
        yield "a", 1
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        db.collection("c").put_many(source())
    assert db.info().commits == 0


def test_numpy_is_taken_as_numbers(db: Database) -> None:
    numpy = pytest.importorskip("numpy")
    documents = db.collection("c")
    given: list[tuple[Any, Any]] = [
        (numpy.int32(-5), -5),
        (numpy.float32(0.5), 0.5),
        (numpy.float64(0.1), 0.1),
        (numpy.bool_(True), True),
        (numpy.str_("x"), "x"),
        (numpy.arange(6, dtype="int16").reshape(2, 3), [[0, 1, 2], [3, 4, 5]]),
        (numpy.arange(3) / 2, [0.0, 0.5, 1.0]),
        (numpy.arange(3, dtype="float32"), [0.0, 1.0, 2.0]),
        (numpy.arange(3, dtype="int64")[::-1], [2, 1, 0]),
        (numpy.arange(3, dtype="int32"), [0, 1, 2]),
        (numpy.arange(3, dtype=">i8"), [0, 1, 2]),
        (numpy.array([True, False]), [True, False]),
        (numpy.array([]), []),
        (array.array("d", [0.5]), [0.5]),
        (array.array("i", [7]), [7]),
    ]
    for each, expected in given:
        documents.put("k", {"in": each})
        came = documents.get("k")["in"]
        assert (came, type(came)) == (expected, type(expected))
        assert repr(came) == repr(expected)
    with pytest.raises(InvalidArgumentError, match="at /0/1: NaN"):
        documents.put("k", [numpy.array([1.0, numpy.nan])])
    with pytest.raises(InvalidArgumentError, match="at /x"):
        documents.put("k", {"x": numpy.datetime64("2020-01-01")})


class Meddler:
    """It changes the dict that it is in while it is read."""

    __module__ = "numpy.meddler"

    def __init__(self, into: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> None:
        self.into, self.change = into, change

    def tolist(self) -> int:
        self.change(self.into)
        return 1


@pytest.mark.parametrize(
    "change",
    [
        lambda into: into.clear(),
        lambda into: into.update(new=1),
        lambda into: (into.pop("c"), into.update(d=1)),
        lambda into: (into.pop("a"), into.update({"a": 1})),
    ],
)
def test_a_dict_that_changes_while_it_is_read_is_no_crash(
    db: Database, change: Callable[[dict[str, Any]], object]
) -> None:
    for call in (lambda given: db.collection("c").put("k", given), db.collection("c").put_many):
        given: dict[str, Any] = {"a": 1, "b": 2, "c": 3}
        given["b"] = Meddler(given, change)
        with contextlib.suppress(InvalidArgumentError):
            call(given)
    assert db.verify().ok


def test_all_exceptions_are_of_the_base_and_of_the_expected_builtin() -> None:
    assert len(CLASSES) == 16
    for code, kind in CLASSES.items():
        assert kind.code == code
        error = kind("what was wrong")
        assert isinstance(error, koru_delta.KoruError)
        assert str(error) == "what was wrong"
        assert getattr(koru_delta, kind.__name__) is kind
    assert issubclass(koru_delta.NotFoundError, KeyError)
    assert issubclass(koru_delta.InvalidArgumentError, ValueError)
    assert issubclass(koru_delta.StorageFullError, OSError)
