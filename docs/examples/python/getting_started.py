"""Getting started: write, read, look back, bring back."""

import sys

import koru_delta


def main(path: str) -> None:
    with koru_delta.open(path) as db:
        notes = db.collection("notes")
        first = notes.put("todo", {"items": ["milk"]})
        notes.put("todo", {"items": ["milk", "bread"]})
        notes.put("todo", {"items": []}, author="somebody", message="all done")

        for version in notes.history("todo"):
            print(version.version.split("@")[0], version.value)

        assert db.as_of(first).collection("notes").get("todo") == {"items": ["milk"]}
        notes.restore("todo", first)
        print("restored", notes.get("todo"))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "notes.koru")
