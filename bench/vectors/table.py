"""The tables: medians of the rounds, koru's ratio to each peer, what it is to reach and whether it does.

    python table.py FILE... [--page PATH] [--title TITLE]

prints those of rows that runs left in files, or writes the page of them: one set may be of one run, another of another.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

KORU = "koru"
RECALL_ENOUGH = 0.985
"""Below it a figure of a filtered search is not one of the same work, and is not compared."""


class Cell(NamedTuple):
    values: list[float]
    unit: str
    recall: float | None
    at: float | None
    fewest: int | None
    rows: int

    @property
    def value(self) -> float:
        return statistics.median(self.values)


class Figures:
    """Of one set: cells by row and store."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.cells: dict[str, dict[str, Cell]] = {}
        for row in rows:
            cells = self.cells.setdefault(row["row"], {})
            kept = cells.get(row["store"])
            values = [*(kept.values if kept else []), row["value"]]
            cells[row["store"]] = Cell(
                values, row["unit"], row.get("recall"), row.get("at"), row.get("fewest"), row.get("rows", 10)
            )

    def value(self, row: str, store: str = KORU) -> float | None:
        cell = self.cells.get(row, {}).get(store)
        return cell.value if cell else None

    def advantage(self, row: str, store: str) -> float | None:
        """How many times as good koru is as a peer: the median of the ratios of the rounds."""
        cells = self.cells.get(row, {})
        own, other = cells.get(KORU), cells.get(store)
        if own is None or other is None or store == KORU or not comparable(row, own, other):
            return None
        pairs = zip(own.values, other.values, strict=False)
        return statistics.median(a / b if own.unit == "/s" else b / a for a, b in pairs)

    def best_peer(self, row: str) -> tuple[str, float] | None:
        ratios = [
            (store, ratio) for store in self.cells.get(row, {}) if (ratio := self.advantage(row, store)) is not None
        ]
        return min(ratios, key=lambda pair: pair[1], default=None)


def comparable(row: str, own: Cell, other: Cell) -> bool:
    wanted = RECALL_ENOUGH if row.startswith("filter") else wanted_recall(row)
    return all(cell.recall is None or cell.recall >= wanted for cell in (own, other))


def wanted_recall(row: str) -> float:
    kind, _, recall = row.removeprefix("wasm-").removeprefix("chromium-").removesuffix("-single").partition("-")
    return float(recall) if kind in ("graph", "codes") else 0.0


class Verdict(NamedTuple):
    """What is to be reached, the figure that decides, and whether it does."""

    wanted: str
    figure: str = "not measured"
    good: bool | None = None


Target = Callable[[Figures, str], Verdict]


def at_least(bound: float) -> Target:
    def judge(figures: Figures, row: str) -> Verdict:
        wanted, own = f"at least {bound:,.0f}/s", figures.value(row)
        return Verdict(wanted) if own is None else Verdict(wanted, f"{own:,.0f}/s", own >= bound)

    return judge


def at_most(bound: float, unit: str) -> Target:
    def judge(figures: Figures, row: str) -> Verdict:
        wanted, own = f"at most {show(bound, unit)}", figures.value(row)
        return Verdict(wanted) if own is None else Verdict(wanted, show(own, unit), own <= bound)

    return judge


def times(factor: float, peer: str) -> Target:
    """How many times as good as a peer."""

    def judge(figures: Figures, row: str) -> Verdict:
        wanted, ratio = f"{factor:.3g} × {peer}", figures.advantage(row, peer)
        return Verdict(wanted) if ratio is None else Verdict(wanted, f"{ratio:.2f}", ratio >= factor)

    return judge


def no_peer_better(figures: Figures, row: str) -> Verdict:
    best = figures.best_peer(row)
    return Verdict("no peer better") if best is None else Verdict("no peer better", f"{best[1]:.2f}", best[1] >= 1)


def within(factor: float, other: str) -> Target:
    """At most so many times the time of another row of koru's."""

    def judge(figures: Figures, row: str) -> Verdict:
        wanted, own, than = f"at most {factor:g} × {other}", seconds(figures, row), seconds(figures, other)
        if own is None or than is None:
            return Verdict(wanted)
        return Verdict(wanted, f"{own / than:.2f}", own / than <= factor)

    return judge


def seconds(figures: Figures, row: str) -> float | None:
    """What one takes."""
    cell = figures.cells.get(row, {}).get(KORU)
    return cell and (1 / cell.value if cell.unit == "/s" else cell.value)


def recall_of(bound: float) -> Target:
    def judge(figures: Figures, row: str) -> Verdict:
        cell = figures.cells[row].get(KORU)
        if cell is None or cell.recall is None:
            return Verdict(f"recall {bound:g}")
        return Verdict(f"recall {bound:g}", f"{cell.recall:.4f}", cell.recall >= bound)

    return judge


class Row(NamedTuple):
    name: str
    title: str


class Group(NamedTuple):
    """Rows that the same stores have: a table."""

    title: str
    rows: list[Row]


def in_wasm(where: str, place: str) -> Group:
    """The rows of modules of wasm, whose names begin with a place."""
    of = {
        "graph-0.95": "graph, recall@10 0.95",
        "graph-0.99": "graph, recall@10 0.99",
        "codes-0.999": "every row, recall@10 0.999",
        "graph-0.95-single": "graph, recall@10 0.95, one query at a time",
        "graph-0.99-single": "graph, recall@10 0.99, one query at a time",
        "codes-0.999-single": "every row, recall@10 0.999, one query at a time",
        "build": "build of the graph",
        "build-codes": "build without a graph",
    }
    return Group(f"In wasm, {where}", [Row(f"{place}-{name}", title) for name, title in of.items()])


GROUPS = [
    Group(
        "By a graph",
        [
            Row("graph-0.95", "recall@10 0.95"),
            Row("graph-0.99", "recall@10 0.99"),
            Row("build", "build"),
            Row("build-cpu", "build, processors"),
            Row("memory", "memory of a row"),
            Row("disk", "disk of a row"),
            Row("open", "open and first search"),
        ],
    ),
    Group(
        "Every row",
        [
            Row("floor", "floor: read all rows"),
            Row("flat", "in full, exact"),
            Row("codes-0.99", "codes, recall@10 0.99"),
            Row("codes-0.999", "codes, recall@10 0.999"),
            Row("present", "half is history, now"),
            Row("as-of", "half is history, before"),
            Row("put", "put with a vector"),
            Row("build-codes", "build of codes"),
            Row("build-flat", "build in full"),
            Row("memory-codes", "memory of a row, codes"),
            Row("memory-flat", "memory of a row, in full"),
            Row("disk-codes", "disk of a row, codes"),
            Row("disk-flat", "disk of a row, in full"),
            Row("open-codes", "open and first search, codes"),
            Row("open-flat", "open and first search, in full"),
        ],
    ),
    Group("With a filter", []),
    in_wasm("in Node", "wasm"),
    in_wasm("in a page", "chromium"),
]


def groups(figures: Figures) -> list[Group]:
    """Those that have something in them."""
    filters = [Row(name, name.removeprefix("filter ")) for name in figures.cells if name.startswith("filter")]
    whole = [group if group.rows else Group(group.title, filters) for group in GROUPS]
    there = [Group(group.title, [row for row in group.rows if row.name in figures.cells]) for group in whole]
    return [group for group in there if group.rows]


def targets(set_name: str, row: str) -> list[Target]:
    if row.startswith("filter"):
        least = (
            10_000 if " 1 %" in row and "random" in row else 40_000 if " 0.1 %" in row and "random" in row else 1_500
        )
        return [recall_of(0.99), at_least(least)]
    of: dict[str, dict[str, list[Target]]] = {
        "wordnet-minilm-100k": {
            "graph-0.95": [times(2, "hnswlib"), no_peer_better],
            "graph-0.99": [times(2, "hnswlib"), no_peer_better],
            "flat": [within(1.3, "floor"), no_peer_better],
            "codes-0.999": [at_least(1_600), no_peer_better],
            "build": [times(1 / 0.7, "hnswlib"), times(2, "faiss-hnsw")],
            "memory": [at_most(560, "B")],
            "memory-codes": [at_most(400, "B")],
            "open": [at_most(0.010, "s")],
            "as-of": [within(1.3, "present")],
            "put": [at_least(2_000)],
            "wasm-graph-0.95": [times(2, "hnswlib-wasm"), no_peer_better],
            "wasm-graph-0.99": [times(2, "hnswlib-wasm"), no_peer_better],
            "wasm-codes-0.999": [at_least(600), no_peer_better],
            "wasm-build": [times(4, "hnswlib-wasm")],
            "chromium-graph-0.95": [times(2, "hnswlib-wasm")],
            "chromium-graph-0.99": [times(2, "hnswlib-wasm")],
            "chromium-codes-0.999": [at_least(600)],
            "chromium-build": [times(4, "hnswlib-wasm")],
        },
        "glove-100k": {"graph-0.95": [times(1.5, "hnswlib")], "graph-0.99": [times(1.5, "hnswlib")]},
        "million": {
            "graph-0.95": [times(1.5, "hnswlib")],
            "graph-0.99": [times(1.5, "hnswlib")],
            "codes-0.99": [at_least(350)],
            "build": [times(1, "hnswlib")],
            "memory": [at_most(300, "B")],
            "open": [at_most(0.030, "s")],
        },
    }
    return of.get(set_name, {}).get(row, [])


def show(value: float, unit: str) -> str:
    if unit == "/s":
        return f"{value:,.0f}/s"
    if unit == "B":
        return f"{value:,.0f} B"
    scale, name = next(((s, n) for s, n in ((1, "s"), (1e-3, "ms")) if value >= s), (1e-6, "µs"))
    return f"{value / scale:.3g} {name}"


def cell(figures: Figures, row: str, store: str) -> str:
    found = figures.cells[row].get(store)
    if found is None:
        return "–"
    text = show(found.value, found.unit)
    if found.recall is not None and (row.startswith("filter") or found.recall < wanted_recall(row)):
        text += f" at {found.recall:.3f}"
    if found.fewest is not None and found.fewest < min(10, found.rows):
        text += f", {found.fewest} rows"
    ratio = figures.advantage(row, store)
    return f"{text} **{ratio:.2f}**" if ratio is not None else text


LEGEND = (
    "Figures are medians of the rounds, each at the least ef that gives the recall. "
    "**Bold** is how many times as good koru is as that peer, whichever way the row counts, from the same rounds. "
    "`at` is the recall@10 where it is another than the row says, and there is no ratio then; with a filter, peers are "
    "taken at the least ef that gives 0.99, or else at the one that gave the most. `rows` is the least that came back, "
    "if more match."
)


def markdown(report: dict[str, Any]) -> str:
    lines: list[str] = []
    for set_name, figures in by_set(report["rows"]).items():
        lines += [f"### {set_name}", "", *tables(figures, set_name, "####")]
    lines += [LEGEND, "", *(f"- {name}: {value}" for name, value in report["facts"].items())]
    lines += [f"- **failed**: {failure}" for failure in dict.fromkeys(report["failures"])]
    return "\n".join(lines)


def by_set(rows: list[dict[str, Any]]) -> dict[str, Figures]:
    return {
        name: Figures([row for row in rows if row["set"] == name]) for name in dict.fromkeys(r["set"] for r in rows)
    }


def tables(figures: Figures, set_name: str, heading: str) -> list[str]:
    """A table for each group of rows, with a column for each store that has any of them."""
    lines: list[str] = []
    for title, rows in groups(figures):
        stores = list(dict.fromkeys(store for row in rows for store in figures.cells[row.name]))
        # koru comes first wherever it was measured.
        stores.sort(key=lambda store: store != KORU)
        lines += [f"{heading} {title}", "", f"| work | {' | '.join(stores)} | best peer | to reach | reached |"]
        lines.append("|---" * (len(stores) + 4) + "|")
        for row in rows:
            best = figures.best_peer(row.name)
            verdicts = [target(figures, row.name) for target in targets(set_name, row.name)] if KORU in stores else []
            reached = [
                figure if good is None else f"yes ({figure})" if good else f"**no** ({figure})"
                for _, figure, good in verdicts
            ]
            cells = [row.title, *(cell(figures, row.name, store) for store in stores)]
            cells += [f"{best[0]} **{best[1]:.2f}**" if best else ""]
            cells += ["; ".join(verdict.wanted for verdict in verdicts), "; ".join(reached)]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return lines


def main() -> None:
    import page

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="what --out left")
    parser.add_argument("--page", type=Path, help="where the page is written")
    parser.add_argument("--title", default="Benchmarks of vector search", help="what the page is called")
    options = parser.parse_args()
    reports = [json.loads(file.read_text()) for file in options.files]
    if options.page:
        options.page.write_text(page.page(reports, options.title))
    else:
        print("\n\n".join(markdown(report) for report in reports))


if __name__ == "__main__":
    main()
