"""Configuration with versions: release it, compare two releases, roll back one service or everything."""

import sys
from typing import Any

import koru_delta
from koru_delta import Moment


def release(db: koru_delta.Database, name: str, changes: dict[str, Any], author: str) -> koru_delta.Tag:
    """Makes the changes one commit, and gives it a name that shows the same for ever."""
    db.collection("config").put_many(changes, author=author, message=f"release {name}")
    return db.tag(name)


def main(path: str) -> None:
    with koru_delta.open(path) as db:
        config = db.collection("config")
        release(
            db,
            "2026.1",
            {"web": {"port": 80, "workers": 4, "hosts": ["a", "b"]}, "mail": {"from": "hello@example.org"}},
            author="ops",
        )
        release(db, "2026.2", {"web": {"port": 443, "workers": 4, "hosts": ["a", "b", "c"]}}, author="ops")

        print("what 2026.2 changed:")
        for change in config.diff_moments(Moment.tag("2026.1"), Moment.tag("2026.2")):
            for each in change.changes:
                print(f"  {change.key}{each.path}: {each.kind} {each.before!r} -> {each.after!r}")

        # Two people who edit the same document do not overwrite each other.
        seen = config.document("web")
        assert seen is not None
        config.put("web", {**seen.value, "workers": 8}, expected=seen, author="ada")
        try:
            config.put("web", {**seen.value, "workers": 2}, expected=seen, author="bob")
        except koru_delta.ConflictError:
            print("bob has to look again")

        # One service goes back; then everything does. Both are new versions, with the rest of history in place.
        config.restore("web", Moment.tag("2026.1"))
        print("web is", config.get("web"))
        db.restore(Moment.tag("2026.2"))
        print("web is", config.get("web"))
        print("releases:", ", ".join(tag.name for tag in db.tags()))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "config.koru")
