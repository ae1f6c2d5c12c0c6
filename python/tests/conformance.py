"""Runs the conformance scripts of `tests/vectors` (the format is in its README): the same results and the same bytes as
in every other language."""

from __future__ import annotations

import array
import base64
import hashlib
import itertools
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import koru_delta
from koru_delta import ABSENT, Moment
from koru_delta._koru import FixedHost, _open_for_tests

VECTORS = Path(__file__).resolve().parents[2] / "tests" / "vectors"

JSON = Any
"""A value of a script, or of Python."""


def scripts() -> Iterator[tuple[str, dict[str, JSON]]]:
    for path in sorted(VECTORS.glob("*.json")):
        yield path.stem, json.loads(path.read_text(encoding="utf-8"))


class Difference(AssertionError):
    """Something else came than what was expected."""


def untag(value: JSON, saved: dict[str, JSON]) -> JSON:
    """The value that the tagged JSON stands for."""
    if isinstance(value, list):
        return [untag(each, saved) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((tag, inner),) = value.items()
        match tag:
            case "$int":
                return int(inner)
            case "$float":
                return float(inner)
            case "$bytes":
                return base64.b64decode(inner, validate=True)
            case "$utf16":
                return bytes.fromhex(inner).decode("utf-16-be", "surrogatepass")
            case "$repeat":
                return untag(inner[0], saved) * int(inner[1])
            case "$ref":
                return saved[inner]
            case "$map":
                return {untag(key, saved): untag(each, saved) for key, each in inner}
        if tag.startswith("$"):
            raise ValueError(f"there is no tag {tag}")
    return {key: untag(each, saved) for key, each in value.items()}


def shown(value: JSON) -> JSON:
    """The value in a form in which equal means the same kind and the same bits."""
    match value:
        case bool() | None:
            return value
        case int():
            return ("int", value)
        case float():
            return ("float", struct.pack("<d", value).hex())
        case str() | bytes():
            return value
        case list() | tuple():
            return [shown(each) for each in value]
        case dict():
            return {key: shown(value[key]) for key in sorted(value)}
    raise TypeError(type(value))


def moment(given: JSON) -> Moment | None:
    match given:
        case "now":
            return Moment.now()
        case {"time": str(time)}:
            if "+" in time:
                ms, counter = time.split("+")
                return Moment.time((int(ms) << 16) + int(counter))
            return Moment.time((int(time) << 16) + 0xFFFF)
        case {"version": version}:
            return Moment.version(version)
        case {"commit": digits} | {"commit_prefix": digits}:
            return Moment.commit(digits)
        case {"tag": name}:
            return Moment.tag(name)
    raise ValueError(f"there is no moment {given!r}")


def time(timestamp: int) -> str:
    return f"{timestamp >> 16}+{timestamp & 0xFFFF}"


def some(**fields: JSON) -> dict[str, JSON]:
    """Those that are there."""
    return {name: value for name, value in fields.items() if value is not None and value is not False}


def version(each: koru_delta.Version) -> JSON:
    shown = {"version": each.version, "timestamp": time(each.timestamp)} | some(expires_at=each.expires_at)
    return shown | ({"deleted": True} if each.deleted else {"value": each.value})


def change(each: koru_delta.Change) -> JSON:
    before = {} if each.kind == "added" else {"before": each.before}
    after = {} if each.kind == "removed" else {"after": each.after}
    return {"path": each.path} | before | after


def tag(each: koru_delta.Tag) -> JSON:
    return {"name": each.name, "timestamp": time(each.timestamp), "commits": each.commits}


def triple(each: koru_delta.DocumentVersion) -> JSON:
    return [each.collection, each.key, each.version]


def commit(each: koru_delta.Commit) -> JSON:
    changes = [
        {"collection": c.collection, "key": c.key, "value_bytes": c.bytes, "parents": c.parents}
        | some(deleted=c.deleted, expires_at=c.expires_at)
        for c in each.changes
    ]
    return {
        "id": each.id,
        "version": each.version,
        "sequence": each.sequence,
        "timestamp": time(each.timestamp),
        "dependencies": each.dependencies,
        "changes": changes,
    } | some(author=each.author, message=each.message, causes=[triple(c) for c in each.causes] or None)


def numbers(given: JSON) -> JSON:
    """The numbers of a vector: as they are, or from the text of their bits."""
    if isinstance(given, str):
        return array.array("f", struct.pack(f"={len(given) // 8}I", *(int(bits, 16) for bits in octets(given))))
    return given


def octets(text: str) -> Iterator[str]:
    return (text[at : at + 8] for at in range(0, len(text), 8))


def bits(given: JSON) -> str:
    """Eight hexadecimal digits for each number."""
    return "".join(f"{each:08x}" for (each,) in struct.iter_unpack(">I", struct.pack(f">{len(given)}f", *given)))


def vectors(given: JSON) -> JSON:
    return None if given is None else {name: bits(vector) for name, vector in given.items()}


class Run:
    """One script, on one database."""

    def __init__(self, name: str, script: dict[str, JSON], path: Path) -> None:
        self.name = name
        self.script = script
        self.path = path
        self.host = FixedHost(script["clock_ms"], script["seed"])
        self.db: koru_delta.Database | None = None
        self.saved: dict[str, JSON] = {}
        self.snapshots: dict[str, koru_delta.Snapshot] = {}
        self.hashes: JSON = None

    def all(self) -> int:
        try:
            for number, step in enumerate(self.script["steps"], 1):
                self.step(step, str(number), self.perform)
        finally:
            if self.db is not None:
                self.db.close()
        return len(self.script["steps"])

    def step(self, step: dict[str, JSON], place: str, perform: Any, *given: JSON) -> None:
        where = f"{self.name}, step {place} ({step['op']})"
        meta = {"op", "result", "error", "says", "save", "steps"}
        arguments = {name: untag(value, self.saved) for name, value in step.items() if name not in meta}
        expected = (
            ("error", step["error"]) if "error" in step else ("result", shown(untag(step.get("result"), self.saved)))
        )
        try:
            result, kept = perform(step, arguments, place, *given)
        except koru_delta.KoruError as error:
            came: JSON = ("error", error.code)
            for text in step.get("says", []):
                if text not in str(error):
                    raise Difference(f"{where}: {error} does not say {text}") from error
            if came != expected:
                raise Difference(f"{where}: came {error.code}: {error}; expected {expected}") from error
            return
        came = ("result", shown(result))
        if came != expected:
            raise Difference(f"{where}:\n  came     {came}\n  expected {expected}")
        if "save" in step:
            self.saved[step["save"]] = result if kept is None else kept

    def perform(self, step: dict[str, JSON], given: dict[str, JSON], place: str) -> tuple[JSON, JSON]:
        operation = getattr(self, f"do_{step['op']}")
        result = operation(step, place, **given) if step["op"] == "transaction" else operation(**given)
        match step["op"], result:
            case "get", {"version": kept}:
                return result, kept
            case "commit", {"id": kept}:
                return result, kept
            case "watch", {"token": kept}:
                return result, kept
        return result, None

    @property
    def database(self) -> koru_delta.Database:
        assert self.db is not None, "the script opens first"
        return self.db

    def at(self, at: JSON) -> koru_delta.Snapshot:
        if isinstance(at, dict) and "snapshot" in at:
            return self.snapshots[at["snapshot"]]
        return self.database.as_of(moment(at))

    @staticmethod
    def written(options: dict[str, JSON]) -> dict[str, JSON]:
        if "expected" in options:
            options["expected"] = ABSENT if options["expected"] == "absent" else options["expected"]
        if "causes" in options:
            options["causes"] = [tuple(cause) for cause in options["causes"]]
        if "vector" in options:
            options["vector"] = numbers(options["vector"])
        if "vectors" in options:
            options["vectors"] = {name: numbers(each) for name, each in options["vectors"].items()}
        return options

    @staticmethod
    def range(given: dict[str, JSON]) -> dict[str, JSON]:
        names = {"from": "from_", "through": "to", "reverse": "descending"}
        return {names.get(name, name): value for name, value in given.items()}

    def do_clock(self, add_ms: int) -> None:
        self.host.advance(add_ms)

    def do_open(self, read_only: bool = False, create: bool = True, cache_bytes: int | None = None) -> None:
        options = dict(self.script["options"])
        if cache_bytes is not None:
            options["cache_bytes"] = cache_bytes
        self.snapshots.clear()
        self.db = _open_for_tests(self.path, self.host, read_only=read_only, create=create, **options)

    def do_close(self) -> JSON:
        if not self.database.closed:
            self.database.close()
            names = [
                path
                for path in self.path.iterdir()
                if path.name == "root" or path.suffix in {".manifest", ".log", ".packed", ".index", ".vectors"}
            ]
            self.hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in names}
        return self.hashes

    def do_checkpoint(self) -> None:
        self.database.checkpoint()

    def do_compact(self) -> None:
        self.database.compact()

    def do_sync(self) -> None:
        self.database.sync()

    def do_put(self, collection: str, key: str, value: JSON, **options: JSON) -> JSON:
        return self.database.collection(collection).put(key, value, **self.written(options))

    def do_delete(self, collection: str, key: str, **options: JSON) -> JSON:
        return self.database.collection(collection).delete(key, **self.written(options))

    def do_put_many(self, collection: str, documents: JSON, vectors: JSON = None) -> JSON:
        if vectors is not None:
            matrices: JSON = [numbers(vector) for vector in vectors]
        else:
            # Those that documents have of their own.
            own = [(document[2:] or [{}])[0] for document in documents]
            names = {name for each in own for name in each}
            matrices = {name: [numbers(each[name]) if name in each else None for each in own] for name in names}
        pairs = [tuple(document[:2]) for document in documents]
        return self.database.collection(collection).put_many(pairs, vectors=matrices)

    def do_vectors(self, collection: str, key: str, at: JSON = None) -> JSON:
        view = self.database if at is None else self.at(at)
        return vectors(view.collection(collection).vectors(key))

    def do_search(
        self,
        collection: str,
        vector: JSON = None,
        at: JSON = None,
        as_of: JSON = None,
        include: JSON = (),
        **given: JSON,
    ) -> JSON:
        view = self.database if at is None else self.at(at)
        if as_of is not None:
            if at is not None:
                raise koru_delta.InvalidArgumentError("a snapshot is of a moment: its searches take no other")
            given["as_of"] = moment(as_of)
        hits = view.collection(collection).search(numbers(vector), include=include, **self.range(given))
        return [
            [hit.key, bits([hit.score]), hit.version]
            + ([hit.value] if "values" in include else [])
            + ([vectors(hit.vectors)] if "vectors" in include else [])
            for hit in hits
        ]

    def do_configure_vectors(self, collection: str, name: str, **config: JSON) -> JSON:
        return self.database.collection(collection).configure_vectors(name, **config)

    def do_vector_config(self, collection: str, name: str) -> JSON:
        config = self.database.collection(collection).vector_config(name)
        return config and {field: getattr(config, field) for field in config.__match_args__}

    def do_get(self, collection: str, key: str, at: JSON = None) -> JSON:
        view = self.database if at is None else self.at(at)
        found = view.collection(collection).document(key)
        if found is None:
            return None
        shown = {"value": found.value, "version": found.version, "timestamp": time(found.timestamp)}
        return shown | some(expires_at=found.expires_at)

    def do_scan(self, collection: str, at: JSON = None, **given: JSON) -> JSON:
        view = self.database if at is None else self.at(at)
        with view.collection(collection).scan(**self.range(given)) as rows:
            return [[row.key, row.value, row.version] for row in rows]

    def do_snapshot(self, name: str, moment: JSON) -> None:
        self.snapshots[name] = self.database.as_of(globals()["moment"](moment))

    def do_release(self, name: str) -> None:
        del self.snapshots[name]

    def do_collections(self, at: JSON = None) -> JSON:
        return (self.database if at is None else self.at(at)).collections()

    def do_transaction(self, step: dict[str, JSON], place: str, rollback: bool = False, **info: JSON) -> JSON:
        class RolledBack(Exception):
            pass

        tx = self.database.transaction(**self.written(info))
        try:
            with tx:
                for number, inner in enumerate(step["steps"], 1):
                    self.step(inner, f"{place}.{number}", self.inside, tx)
                if rollback:
                    raise RolledBack
        except RolledBack:
            pass
        return tx.version

    def inside(
        self, step: dict[str, JSON], given: dict[str, JSON], place: str, tx: koru_delta.Transaction
    ) -> tuple[JSON, JSON]:
        if step["op"] == "clock":
            self.do_clock(**given)
            return None, None
        collection = tx.collection(given.pop("collection"))
        match step["op"]:
            case "put":
                collection.put(given.pop("key"), given.pop("value"), **self.written(given))
                return None, None
            case "delete":
                collection.delete(given.pop("key"), **self.written(given))
                return None, None
            case "get":
                missing = object()
                value = collection.get(given["key"], missing)
                return None if value is missing else {"value": value}, None
            case "keys":
                return collection.keys(**self.range(given)), None
        raise ValueError(f"there is no step {step['op']} in a transaction")

    def do_history(
        self, collection: str, key: str, at: JSON = None, limit: int | None = None, before: JSON = None
    ) -> JSON:
        view = self.database if at is None else self.at(at)
        with view.collection(collection).history(key, before=before) as rows:
            return [version(row) for row in itertools.islice(rows, limit)]

    def do_version(self, collection: str, key: str, version: str) -> JSON:
        return globals()["version"](self.database.collection(collection).version(key, version))

    def do_heads(self, collection: str, key: str) -> JSON:
        return self.database.collection(collection).heads(key)

    def do_diff(self, collection: str, key: str, before: str, after: str) -> JSON:
        return [change(each) for each in self.database.collection(collection).diff(key, before, after)]

    def do_diff_moments(self, before: JSON, after: JSON, collection: str | None = None) -> JSON:
        of, to = moment(before), moment(after)
        db = self.database
        rows = db.diff(of, to) if collection is None else db.collection(collection).diff_moments(of, to)
        return [
            {"collection": row.collection, "key": row.key, "changes": [change(each) for each in row.changes]}
            | some(before=row.before and row.before.version, after=row.after and row.after.version)
            for row in rows
        ]

    def do_tag(self, name: str, moment: JSON) -> JSON:
        return tag(self.database.tag(name, globals()["moment"](moment)))

    def do_untag(self, name: str) -> None:
        self.database.untag(name)

    def do_tags(self) -> JSON:
        return [tag(each) for each in self.database.tags()]

    def do_restore(self, moment: JSON, collection: str | None = None, key: str | None = None) -> JSON:
        at = globals()["moment"](moment)
        if collection is None:
            return self.database.restore(at)
        if key is None:
            return self.database.collection(collection).restore_all(at)
        return self.database.collection(collection).restore(key, at)

    def do_lineage(self, collection: str, key: str, version: str, direction: JSON, depth: int) -> JSON:
        lineage = self.database.collection(collection).lineage(key, version, direction=direction, depth=depth)
        edges = [[triple(edge.cause), triple(edge.effect)] for edge in lineage.edges]
        return {"edges": edges, "truncated": lineage.truncated}

    def do_watch(self, limit: int | None = None, **options: JSON) -> JSON:
        events: list[JSON] = []
        with self.database.watch(**options) as watch:
            while limit is None or len(events) < limit:
                event = watch.next(timeout=0)
                if event is None:
                    break
                changes = [
                    {"collection": c.collection, "key": c.key}
                    | ({"deleted": True} if d is None else {"value": d.value})
                    for c, d in zip(event.commit.changes, event.documents, strict=True)
                ]
                events.append({"token": event.token, "version": event.commit.version, "changes": changes})
            return {"events": events, "token": watch.token}

    def do_log(self, limit: int | None = None, at: JSON = None) -> JSON:
        with (self.database if at is None else self.at(at)).log() as rows:
            return [commit(row) for row in itertools.islice(rows, limit)]

    def do_commit(self, version: str | None = None, id: str | None = None) -> JSON:
        if version is not None and "@" not in version:
            raise koru_delta.InvalidArgumentError("by its version")
        name = version if version is not None else id
        assert name is not None
        return commit(self.database.commit(name))

    def do_import(self, name: str, time_ms: int, changes: JSON, state: JSON, **info: JSON) -> JSON:
        rows: JSON = [
            (*row[:3], *({name: numbers(each) for name, each in named.items()} for named in row[3:])) for row in changes
        ]
        return self.database.importer(name).commit(time_ms, rows, state, **self.written(info))

    def do_verify(self) -> JSON:
        report = self.database.verify()
        names = ["commits", "versions", "segments", "tables", "log_bytes", "chain", "problems"]
        return {name: getattr(report, name) for name in names}

    def do_info(self) -> JSON:
        info = self.database.info()
        names = ["database", "actor", "created_ms", "format", "read_only", "commits", "actors", "chain"]
        names += ["segments", "tables", "tail_bytes", "torn_bytes"]
        newest = {} if info.newest is None else {"newest": time(info.newest)}
        return {name: getattr(info, name) for name in names} | newest

    def do_stats(self) -> JSON:
        stats = self.database.stats()
        return {name: getattr(stats, name) for name in ["commits", "changes", "bytes_logged", "checkpoints", "merges"]}
