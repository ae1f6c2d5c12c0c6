"""The part of Python in the exchange: writes what `tests/exchange.json` describes, and says all that there is to know
of a database. Rust and Node do the same with theirs, so that what was written in each of them is read by the others."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from conformance import JSON, some, time, triple, untag
from conformance import moment as moment_of

import koru_delta

EXCHANGE: dict[str, JSON] = json.loads(
    (Path(__file__).resolve().parents[2] / "tests" / "exchange.json").read_text(encoding="utf-8")
)
"""What is written (`steps`), and what is then there (`content`)."""

CONTENT: JSON = untag(EXCHANGE["content"], {})


def write(path: Path) -> None:
    saved: dict[str, JSON] = {}
    with koru_delta.open(path) as db:
        for step in EXCHANGE["steps"]:
            given = {name: untag(value, saved) for name, value in step.items() if name not in {"op", "save", "steps"}}
            version = perform(db, step["op"], step.get("steps", []), given)
            if "save" in step:
                saved[step["save"]] = version


def perform(db: koru_delta.Database, op: str, steps: list[JSON], given: dict[str, JSON]) -> JSON:
    if "causes" in given:
        given["causes"] = [tuple(cause) for cause in given["causes"]]
    if "moment" in given:
        given["moment"] = moment_of(given["moment"])
    if op == "transaction":
        with db.transaction(**given) as tx:
            for inner in steps:
                given = {name: untag(value, {}) for name, value in inner.items() if name != "op"}
                getattr(tx.collection(given.pop("collection")), inner["op"])(**given)
        return tx.version
    if "collection" in given:
        return getattr(db.collection(given.pop("collection")), op)(**given)
    return getattr(db, op)(**given)


def read(path: Path) -> dict[str, JSON]:
    with koru_delta.open(path, read_only=True) as db:
        log = list(db.log())
        # Also of documents that are deleted or expired.
        history: dict[str, dict[str, JSON]] = {}
        for change in (change for commit in log for change in commit.changes):
            if not change.collection.startswith("$"):
                of = history.setdefault(change.collection, {})
                of[change.key] = versions(db.collection(change.collection), change.key)
        tags = [
            {
                "name": tag.name,
                "commits": tag.commits,
                "timestamp": time(tag.timestamp),
                "documents": documents(db.as_of(koru_delta.Moment.tag(tag.name))),
            }
            for tag in db.tags()
        ]
        report = db.verify()
        return {
            "documents": documents(db),
            "history": history,
            "tags": tags,
            "log": [commit(each) for each in log],
            "commits": report.commits,
            "versions": report.versions,
            "chain": report.chain,
            "problems": report.problems,
        }


def documents(view: koru_delta.Database | koru_delta.Snapshot) -> JSON:
    """By collection, those that show."""
    return {
        name: [
            {"key": row.key, "value": row.value, "version": row.version, "timestamp": time(row.timestamp)}
            | some(expires_at=row.expires_at)
            for row in view.collection(name).scan()
        ]
        for name in view.collections()
    }


def versions(collection: koru_delta.Collection, key: str) -> JSON:
    """The newest first."""
    return [
        {"version": each.version, "timestamp": time(each.timestamp)}
        | some(expires_at=each.expires_at)
        | ({"deleted": True} if each.deleted else {"value": each.value})
        for each in collection.history(key)
    ]


def commit(each: koru_delta.Commit) -> JSON:
    changes = [
        {"collection": c.collection, "key": c.key, "parents": c.parents}
        | some(deleted=c.deleted, expires_at=c.expires_at)
        for c in each.changes
    ]
    return {
        "id": each.id,
        "version": each.version,
        "timestamp": time(each.timestamp),
        "causes": [triple(cause) for cause in each.causes],
        "changes": changes,
    } | some(author=each.author, message=each.message)


def lasting(value: Any) -> Any:
    """Of a version its number, because actors differ; and nothing that depends on the clock."""
    match value:
        case str():
            return re.sub(r"^(\d+)@[0-9a-f]{32}$", r"\1", value)
        case list() | tuple():
            return [lasting(each) for each in value]
        case dict():
            return {k: lasting(each) for k, each in value.items() if k not in {"timestamp", "id", "chain"}}
    return value
