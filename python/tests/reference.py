"""The page `docs/reference/python.md`, from the docstrings: so it cannot tell anything else."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import koru_delta
from koru_delta import aio
from koru_delta._errors import CLASSES as ERRORS

CLASSES = [
    "Database",
    "Workspace",
    "Collection",
    "Transaction",
    "TransactionCollection",
    "Snapshot",
    "SnapshotCollection",
    "Hits",
    "Moment",
    "Watch",
    "Archive",
    "Import",
]
"""Those with calls, in the order in which one meets them."""

ITERATORS = ["Scan", "Keys", "History", "Log", "Changes"]
RECORDS = [
    "Document",
    "Version",
    "Commit",
    "CommitChange",
    "DocumentVersion",
    "Change",
    "DocumentChange",
    "Tag",
    "Event",
    "Hit",
    "Explain",
    "VectorConfig",
    "VectorInfo",
    "Lineage",
    "LineageEdge",
    "Info",
    "Stats",
    "VerifyReport",
]


def page() -> str:
    """The text of the page."""
    parts = [
        "# Python",
        "Every call of the package `koru_delta`. `help()` at the prompt tells the same. A first walk through it is the "
        "[tutorial](../tutorial/python.md); what an error means is in [troubleshooting](../how-to/troubleshooting.md).",
        "## Functions",
        call("open", koru_delta.open),
        call("import_archive", koru_delta.import_archive),
    ]
    for name in CLASSES:
        parts += of_class(koru_delta, name)
    parts.append(
        "## Iterators\n\nThey read as they are asked, and can be closed early: by `close()`, or at the end of a `with`."
    )
    parts += [f"- `{name}`: {doc(getattr(koru_delta, name))}" for name in ITERATORS]
    parts.append("`Scan` has beside it:")
    parts += members(koru_delta.Scan, frozenset({"close"}))
    parts.append(
        "## Records\n\nWhat is read. They hold plain fields, do not change, and are equal if their fields are."
    )
    for name in RECORDS:
        kind = getattr(koru_delta, name)
        rows = [f"| `{field}` | {doc(value)} |" for field, value in public(kind) if inspect.isgetsetdescriptor(value)]
        parts.append("\n".join([f"### {name}", "", doc(kind), "", "| field | |", "|---|---|", *rows]))
    parts.append("## Errors\n\nAll derive from `KoruError` and have a `code`, the same in every language.")
    rows = []
    for kind in ERRORS.values():
        also = ", ".join(f"`{base.__name__}`" for base in kind.__bases__[1:])
        rows.append(f"| `{kind.__name__}` | `{kind.code}` | {also} | {doc(kind)} |")
    parts.append("\n".join(["| class | code | is also a | meaning |", "|---|---|---|---|", *rows]))
    parts.append("## asyncio\n\n" + doc(aio))
    parts += [call("aio.open", aio.open)]
    for name in (
        "Database",
        "Workspace",
        "Collection",
        "Transaction",
        "TransactionCollection",
        "Snapshot",
        "Import",
        "Rows",
        "Watch",
    ):
        rows = [f"- `{signature(each, value)}`" for each, value in public(getattr(aio, name)) if callable(value)]
        parts.append(f"### aio.{name}\n\n{doc(getattr(aio, name))}\n\n" + "\n".join(rows))
    parts.append("<!-- Generated from the docstrings: KORU_WRITE_REFERENCE=1 pytest tests/test_pages.py writes it. -->")
    return "\n\n".join(parts) + "\n"


def of_class(module: ModuleType, name: str) -> list[str]:
    kind = getattr(module, name)
    return [f"## {name}\n\n{doc(kind)}", *members(kind)]


def members(kind: type, without: frozenset[str] = frozenset()) -> list[str]:
    parts: list[str] = []
    for name, value in public(kind):
        if name in without:
            continue
        if inspect.isgetsetdescriptor(value):
            parts.append(f"**`.{name}`**\n\n{doc(value)}")
        else:
            parts.append(call(name, getattr(kind, name)))
    return parts


def public(kind: type) -> list[tuple[str, Any]]:
    """What is public of a class: its fields in the order of their meaning, then its calls."""
    found = [(name, value) for name, value in vars(kind).items() if not name.startswith("_")]
    order = list(getattr(kind, "__match_args__", ()))
    fields = [each for each in found if inspect.isgetsetdescriptor(each[1])]
    fields.sort(key=lambda each: (order.index(each[0]) if each[0] in order else len(order), each[0]))
    return fields + [each for each in found if not inspect.isgetsetdescriptor(each[1])]


def call(name: str, value: Any) -> str:
    return f"**`{signature(name, value)}`**\n\n{doc(value)}"


def signature(name: str, value: Any) -> str:
    given = inspect.signature(value)
    parameters = [
        each.replace(annotation=inspect.Parameter.empty) for each in given.parameters.values() if each.name != "self"
    ]
    text = f"{name}{given.replace(parameters=parameters, return_annotation=inspect.Signature.empty)}"
    return f"async {text}" if inspect.iscoroutinefunction(value) else text


def doc(value: Any) -> str:
    """The docstring, with its examples as blocks."""
    lines: list[str] = []
    inside = False
    for line in (inspect.getdoc(value) or "").splitlines():
        example = line.startswith(">>>")
        if example and not inside:
            lines.append("```python")
            inside = True
        if inside and not line.strip():
            lines.append("```")
            inside = False
        lines.append(line)
    if inside:
        lines.append("```")
    return "\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
