"""A state machine against a model of dicts and lists: writes, transactions, search, reading the past, reopening."""

from __future__ import annotations

import math
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
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
DIMENSION = 3
# Of small integers, so that scores are exact and often equal.
VECTORS = st.lists(st.integers(-3, 3), min_size=DIMENSION, max_size=DIMENSION)
DOCUMENTS = st.tuples(VALUES, st.none() | VECTORS)
CHANGES = st.lists(st.tuples(COLLECTIONS, KEYS, st.none() | DOCUMENTS), max_size=5)

Written = tuple[Any, list[int] | None]
"""A value, and its vector if it has one."""

State = dict[tuple[str, str], Written]


def same(a: Any, b: Any) -> bool:
    """Equal and of the same kind, and floats by their bits."""
    return repr(canonical(a)) == repr(canonical(b))


def canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: canonical(value[key]) for key in sorted(value)}
    return [canonical(each) for each in value] if isinstance(value, list | tuple) else value


def nearest(state: State, collection: str, query: list[int], k: int, prefix: str) -> list[tuple[str, float]]:
    """What a search has to find: keys and scores."""
    found = []
    for (name, key), (_, vector) in state.items():
        if name == collection and vector is not None and key.startswith(prefix):
            pairs = list(zip(query, vector, strict=True))
            # One collection is compared by dot product, the other by distance.
            score = sum(a * b for a, b in pairs) if name == "one" else -math.dist(query, vector)
            found.append((-score, key.encode()))
    return [(key.decode(), -score if collection == "one" else score) for score, key in sorted(found)[:k]]


class Model(RuleBasedStateMachine):
    moments = Bundle("moments")

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.db = koru_delta.open(self.folder / "db.koru", durability="none", maintenance="inline")
        self.db.collection("one").configure_vectors(dimension=DIMENSION, metric="dot")
        self.db.collection("two").configure_vectors(dimension=DIMENSION, metric="euclidean")
        self.now: State = {}
        self.history: dict[tuple[str, str], list[Written | None]] = {}

    def teardown(self) -> None:
        if hasattr(self, "db"):
            assert self.db.verify().ok
            self.db.close()
            shutil.rmtree(self.folder)

    def took(self, place: tuple[str, str], written: Written | None) -> None:
        if written is None:
            del self.now[place]
        else:
            self.now[place] = written
        self.history.setdefault(place, []).append(written)

    @rule(target=moments, collection=COLLECTIONS, key=KEYS, written=DOCUMENTS)
    def put(self, collection: str, key: str, written: Written) -> tuple[str, State]:
        value, vector = written
        version = self.db.collection(collection).put(key, value, vector=vector)
        self.took((collection, key), written)
        return version, dict(self.now)

    @rule(collection=COLLECTIONS, key=KEYS)
    def delete(self, collection: str, key: str) -> None:
        there = (collection, key) in self.now
        assert (self.db.collection(collection).delete(key) is not None) == there
        if there:
            self.took((collection, key), None)

    @rule(changes=CHANGES, give_up=st.booleans())
    def transaction(self, changes: list[tuple[str, str, Written | None]], give_up: bool) -> None:
        class GivenUp(Exception):
            pass

        last: dict[tuple[str, str], Written | None] = {}
        try:
            with self.db.transaction() as tx:
                for collection, key, written in changes:
                    inside = tx.collection(collection)
                    if written is None:
                        inside.delete(key)
                        assert key not in inside
                    else:
                        inside.put(key, written[0], vector=written[1])
                        assert same(inside.get(key), written[0])
                    last[collection, key] = written
                if give_up:
                    raise GivenUp
        except GivenUp:
            return
        for place, written in last.items():
            if written is not None or place in self.now:
                self.took(place, written)

    @rule(collection=COLLECTIONS, items=st.dictionaries(KEYS, DOCUMENTS, max_size=4))
    def put_many(self, collection: str, items: dict[str, Written]) -> None:
        documents = {key: value for key, (value, _) in items.items()}
        self.db.collection(collection).put_many(documents, vectors=[vector for _, vector in items.values()])
        for key, written in items.items():
            self.took((collection, key), written)

    @rule(
        collection=COLLECTIONS,
        query=VECTORS,
        k=st.integers(1, 7),
        prefix=st.sampled_from(["", "a"]),
        exact=st.booleans(),
    )
    def search(self, collection: str, query: list[int], k: int, prefix: str, exact: bool) -> None:
        self.search_in(self.db, self.now, collection, query, k, prefix, exact)

    @rule(moment=moments, collection=COLLECTIONS, query=VECTORS, k=st.integers(1, 7), exact=st.booleans())
    def search_the_past(
        self, moment: tuple[str, State], collection: str, query: list[int], k: int, exact: bool
    ) -> None:
        version, state = moment
        self.search_in(self.db.as_of(version), state, collection, query, k, "", exact)

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
                self.took(place, state[place])

    @rule()
    def reopen(self) -> None:
        self.db.close()
        self.db = koru_delta.open(self.folder / "db.koru", create=False, durability="none", maintenance="inline")

    @rule(collection=COLLECTIONS, key=KEYS)
    def read_history(self, collection: str, key: str) -> None:
        came = [None if each.deleted else [each.value] for each in self.db.collection(collection).history(key)]
        expected = [each and [each[0]] for each in self.history.get((collection, key), [])]
        assert same(came[::-1], expected)

    @invariant()
    def the_present_is_right(self) -> None:
        if hasattr(self, "db"):
            self.compare(self.db, self.now)

    def compare(self, view: koru_delta.Database | koru_delta.Snapshot, state: State) -> None:
        for name in ("one", "two"):
            expected = {key: value for (collection, key), (value, _) in state.items() if collection == name}
            rows = [(row.key, row.value) for row in view.collection(name).scan()]
            assert [key for key, _ in rows] == sorted(expected, key=str.encode)
            assert same(dict(rows), expected)
            assert same(view.collection(name).get("a", "none"), expected.get("a", "none"))
            for key in expected:
                vectors = view.collection(name).vectors(key)
                assert vectors is not None
                vector = state[name, key][1]
                assert {each: vector.tolist() for each, vector in vectors.items()} == (
                    {} if vector is None else {"default": vector}
                )

    def search_in(
        self,
        view: koru_delta.Database | koru_delta.Snapshot,
        state: State,
        collection: str,
        query: list[int],
        k: int,
        prefix: str,
        exact: bool,
    ) -> None:
        hits = view.collection(collection).search(query, k=k, prefix=prefix, exact=exact)
        expected = nearest(state, collection, query, k, prefix)
        assert [hit.key for hit in hits] == [key for key, _ in expected]
        assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected], rel=1e-6)
        assert same([hit.value for hit in hits], [state[collection, key][0] for key, _ in expected])


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
