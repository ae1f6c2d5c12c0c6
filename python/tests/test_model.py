"""A state machine against a model of dicts and lists: writes, transactions, reading the past, reopening."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

import koru_delta

KEYS = st.sampled_from(["a", "b", "ab", "é", "\U00010000", "\uffff"])
COLLECTIONS = st.sampled_from(["one", "two"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=20)
    | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
CHANGES = st.lists(st.tuples(COLLECTIONS, KEYS, st.none() | st.tuples(VALUES)), max_size=5)

State = dict[tuple[str, str], Any]


def same(a: Any, b: Any) -> bool:
    """Equal and of the same kind, and floats by their bits."""
    return repr(canonical(a)) == repr(canonical(b))


def canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: canonical(value[key]) for key in sorted(value)}
    return [canonical(each) for each in value] if isinstance(value, list) else value


class Model(RuleBasedStateMachine):
    moments = Bundle("moments")

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.db = koru_delta.open(self.folder / "db.koru", durability="none", maintenance="inline")
        self.now: State = {}
        self.history: dict[tuple[str, str], list[tuple[Any] | None]] = {}

    def teardown(self) -> None:
        if hasattr(self, "db"):
            assert self.db.verify().ok
            self.db.close()
            shutil.rmtree(self.folder)

    def took(self, place: tuple[str, str], value: tuple[Any] | None) -> None:
        if value is None:
            del self.now[place]
        else:
            self.now[place] = value[0]
        self.history.setdefault(place, []).append(value)

    @rule(target=moments, collection=COLLECTIONS, key=KEYS, value=VALUES)
    def put(self, collection: str, key: str, value: Any) -> tuple[str, State]:
        version = self.db.collection(collection).put(key, value)
        self.took((collection, key), (value,))
        return version, dict(self.now)

    @rule(collection=COLLECTIONS, key=KEYS)
    def delete(self, collection: str, key: str) -> None:
        there = (collection, key) in self.now
        assert (self.db.collection(collection).delete(key) is not None) == there
        if there:
            self.took((collection, key), None)

    @rule(changes=CHANGES, give_up=st.booleans())
    def transaction(self, changes: list[tuple[str, str, tuple[Any] | None]], give_up: bool) -> None:
        class GivenUp(Exception):
            pass

        last: dict[tuple[str, str], tuple[Any] | None] = {}
        try:
            with self.db.transaction() as tx:
                for collection, key, value in changes:
                    inside = tx.collection(collection)
                    if value is None:
                        inside.delete(key)
                        assert key not in inside
                    else:
                        inside.put(key, value[0])
                        assert same(inside.get(key), value[0])
                    last[collection, key] = value
                if give_up:
                    raise GivenUp
        except GivenUp:
            return
        for place, value in last.items():
            if value is not None or place in self.now:
                self.took(place, value)

    @rule(collection=COLLECTIONS, items=st.dictionaries(KEYS, VALUES, max_size=4))
    def put_many(self, collection: str, items: dict[str, Any]) -> None:
        self.db.collection(collection).put_many(items)
        for key, value in items.items():
            self.took((collection, key), (value,))

    @rule(moment=moments)
    def read_the_past(self, moment: tuple[str, State]) -> None:
        version, state = moment
        self.compare(self.db.as_of(version), state)

    @rule(moment=moments)
    def restore(self, moment: tuple[str, State]) -> None:
        version, state = moment
        self.db.restore(version)
        for place in sorted(self.now.keys() | state.keys()):
            if place not in state:
                self.took(place, None)
            elif place not in self.now or not same(self.now[place], state[place]):
                self.took(place, (state[place],))

    @rule()
    def reopen(self) -> None:
        self.db.close()
        self.db = koru_delta.open(self.folder / "db.koru", create=False, durability="none", maintenance="inline")

    @rule(collection=COLLECTIONS, key=KEYS)
    def read_history(self, collection: str, key: str) -> None:
        came = [None if each.deleted else (each.value,) for each in self.db.collection(collection).history(key)]
        assert same(
            [list(each or []) for each in came[::-1]],
            [list(each or []) for each in self.history.get((collection, key), [])],
        )

    @invariant()
    def the_present_is_right(self) -> None:
        if hasattr(self, "db"):
            self.compare(self.db, self.now)

    def compare(self, view: koru_delta.Database | koru_delta.Snapshot, state: State) -> None:
        for name in ("one", "two"):
            expected = {key: value for (collection, key), value in state.items() if collection == name}
            rows = [(row.key, row.value) for row in view.collection(name).scan()]
            assert [key for key, _ in rows] == sorted(expected, key=str.encode)
            assert same(dict(rows), expected)
            assert same(view.collection(name).get("a", "none"), expected.get("a", "none"))


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
