"""The page of a comparison: what was compared and how, what is reached and what is not, and the tables of the runs.

Everything in it comes from the rows, so that the page says no more than was measured.
"""

from __future__ import annotations

from typing import Any

import table
from table import GROUPS, KORU, Figures

SETS = {
    "wordnet-minilm-100k": "100,000 entries of WordNet as embeddings of all-MiniLM-L6-v2, 384 numbers each",
    "glove-100k": "100,000 word vectors of GloVe, 100 numbers each, which are hard to tell apart",
    "million": (
        "1,000,000 generated vectors of 128 numbers: clusters within clusters in 20 dimensions, through a random "
        "network, and noise, so that neighbours are as far apart as in real embeddings"
    ),
}

WHAT = {
    "graph-0.95": "Queries per second with the graph, at the least ef that finds 95 % of the ten nearest.",
    "graph-0.99": "The same for 99 %, which follows several times as many rows.",
    "build": (
        "From vectors to a graph on disk with two threads. koru's is a database: it holds a document with each "
        "vector, and syncs."
    ),
    "build-cpu": "What that took of all processors together.",
    "memory": (
        "What a process allocates to open and search, for each row; mapped files and what all share are left out."
    ),
    "disk": "What the file system has allocated. koru's has the documents and their log in it.",
    "open": "From files in the cache of the system to the first answer, with the library loaded.",
    "floor": ("All numbers read once from memory by one core, and nothing done with them: no exact scan is quicker."),
    "flat": "Every row is compared in full for each query, and nothing is missed.",
    "codes-0.99": (
        "Every row is compared as a short code, and the best again in full: the least of those that gives the recall."
    ),
    "codes-0.999": "The same. koru has nothing to choose here, and the same figure in both.",
    "present": (
        "A database where each document was replaced once, so that half of its vectors are of the past: a search "
        "of what is now."
    ),
    "as-of": "A search of the same database as of the moment before all of that.",
    "put": "Documents put one by one, relaxed, each with a vector that the next search finds.",
    "build-codes": "From vectors to codes on disk, two threads.",
    "build-flat": "From vectors to a file that is scanned as it is.",
    "wasm-graph-0.95": "As natively, by modules of wasm that are called from JavaScript in one thread of Node.",
    "wasm-graph-0.99": "The same for 99 %.",
    "wasm-codes-0.999": (
        "Every row is compared: by codes where a store has them, else in full. Who has a tree of rows searches that."
    ),
    "wasm-build": "From vectors in JavaScript to a graph that is whole. koru's is in files, the peers' in memory.",
    "wasm-build-codes": "From vectors in JavaScript to what is scanned.",
    "chromium-graph-0.95": (
        "The same in a page of headless Chromium with 16 queries under way, which koru's worker answers one after the "
        "other. The peer runs in the page itself, and has nothing to wait for."
    ),
    "chromium-graph-0.99": "The same for 99 %.",
    "chromium-codes-0.999": "The same without a graph.",
    "chromium-graph-0.95-single": "With one query at a time: page and worker wait for each other.",
    "chromium-graph-0.99-single": "The same for 99 %.",
    "chromium-codes-0.999-single": "The same without a graph.",
    "chromium-build": "In a page, koru's in OPFS.",
    "chromium-build-codes": "The same without a graph.",
}
"""What each row is; the others are those of another kind of search."""


INTRODUCTION = """\
Every store gets the same vectors and the same queries on the same machine in the same run. Graphs are made with the
same parameters (M 16, efConstruction 200) and searched at the same recall: each store with the least ef that finds so
many of the ten nearest, because speed without it says nothing. Each phase of each store is a process of its own.
Natively a search has one core, and they come one at a time; stores take turns in each round.\
"""

METHOD = """\
- Queries repeat within a run. koru keeps codes and the graph in memory, and the vectors themselves on disk: those that
  a search compares exactly come from its cache (64 MiB, the default) after the first pass, which is not counted. The
  peers keep everything in memory as well, except sqlite-vec, lancedb and chromadb, whose files are in the cache of the
  system. A search whose vectors are not in the cache reads each of them from disk, which is slower; that is not
  measured here.
- koru is a database: each row is a document with a key, fields and a version, every version is kept, and a search
  returns keys. Those of the peers that are libraries return numbers of rows.
- A filter of koru is applied inside of the search, and what it takes of the rows is kept from one search to the next;
  so are the peers' masks, which are made before the clock starts. `random` filters know nothing of the query, `around`
  takes rows near to it, and `away` rows far from it, where a graph leads to nothing.
- hnswlib is compiled on the machine, for its processor. The other peers are the packages that pip and npm install.
  Those that take several queries in a call get 100 of them, with a filter 10, and answer them one after the other:
  calls cost them less than koru, which gets one at a time. With more threads all answer more queries per second.
- Builds have two threads, where the peer can use them. Times of builds are of one build, not of three rounds.\
"""

WASM = """\
- In wasm ([bench/wasm-vectors](../../bench/wasm-vectors)) each store is built once, in one process of Node or one page,
  and searched there; nothing is pinned to a core. koru is the npm package in files of the file system, or in OPFS. The
  peers are in memory. voy has no graph, and searches a tree exactly; hnswlib-wasm, voy and PGlite (pgvector) compare
  every row in full where koru compares codes. EdgeVec takes its ef only when an index is made, so that it is
  asked for more hits instead, and it compares by Euclidean distance, which ranks vectors of unit length alike: by the
  cosine, this version returns the furthest. Queries of PGlite are text that was made beforehand.\
"""


def page(reports: list[dict[str, Any]], title: str = "Benchmarks of vector search") -> str:
    sets = table.by_set(together(reports))
    wasm = any(row.startswith(("wasm-", "chromium-")) for figures in sets.values() for row in figures.cells)
    lines = [f"# {title}", ""]
    commands = [f"`{report['facts'].get('command', 'cargo xtask bench vectors')}`" for report in reports]
    runs = "One run of" if len(reports) == 1 else f"{len(reports)} runs on one machine, of"
    lines += [f"{runs} {' and '.join(commands)} (see [bench/vectors](../../bench/vectors)).", INTRODUCTION, ""]
    lines += [f"- **{name}**: {SETS[name]}." for name in sets if name in SETS] + [""]
    lines += findings(sets)
    if failures := [failure for report in reports for failure in dict.fromkeys(report["failures"])]:
        lines += ["What failed, and is missing below:", "", *(f"- {failure}" for failure in failures), ""]
    for name, figures in sets.items():
        lines += [f"## {name}", "", *table.tables(figures, name, "###")]
    lines += ["## How to read the tables", "", table.LEGEND, "", *rows(sets)]
    lines += ["How it is measured:", "", METHOD, *([WASM] if wasm else []), ""]
    for report in reports:
        if len(reports) > 1:
            lines += [f"The run of {', '.join(table.by_set(report['rows']))}:", ""]
        lines += [f"- {name}: {value}" for name, value in report["facts"].items() if name != "command"]
        lines += [*kept(report["rows"]), ""]
    return "\n".join(lines).rstrip() + "\n"


def together(reports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of all runs. What was built anew in one of them is not taken from an earlier one, too."""
    every = [row for report in reports for row in report["rows"]]
    anew = {(row["set"], row["store"], row["row"]) for row in every if not row.get("kept")}
    return [row for row in every if not (row.get("kept") and (row["set"], row["store"], row["row"]) in anew)]


def findings(sets: dict[str, Figures]) -> list[str]:
    """What is not reached, what was not measured, and how much is reached."""
    good, bad, unknown = 0, [], []
    for name, figures in sets.items():
        measured = any(KORU in cells for cells in figures.cells.values())
        for row, title in titles(figures):
            for target in table.targets(name, row) if measured else []:
                verdict = target(figures, row)
                told = f"- **{name}, {title}**: {verdict.figure} ({verdict.wanted})"
                if verdict.good is None:
                    unknown.append(told)
                elif verdict.good:
                    good += 1
                else:
                    bad.append(told)
        for row in (row for row in figures.cells if row.startswith("filter")):
            for target in table.targets(name, row) if measured else []:
                verdict = target(figures, row)
                good += verdict.good is True
                if verdict.good is False:
                    bad.append(f"- **{name}, {row}**: {verdict.figure} ({verdict.wanted})")
    lines = [f"Of what we want, {good} figures are reached, and {len(bad)} are not."]
    if bad:
        lines += ["What falls short of what we want, with the figure and what is wanted:", "", *bad]
    if unknown:
        lines += ["", "What we want, and was not measured or has nothing to be compared with here:", "", *unknown]
    return [*lines, ""]


def titles(figures: Figures) -> list[tuple[str, str]]:
    """Of the groups that something was measured of."""
    groups = [group for group in GROUPS if any(row.name in figures.cells for row in group.rows)]
    return [
        (row.name, f"{group.title[0].lower()}{group.title[1:]}, {row.title}") for group in groups for row in group.rows
    ]


def rows(sets: dict[str, Figures]) -> list[str]:
    """What each row is, of those that are there."""
    there = {row for figures in sets.values() for row in figures.cells}
    lines = ["What the rows are:", ""]
    for group in GROUPS:
        of = [row for row in group.rows if row.name in there]
        lines += [f"- **{group.title}, {row.title}**: {WHAT[row.name]}" for row in of if row.name in WHAT]
    if any(row.startswith("filter") for row in there):
        lines.append("- **With a filter**: queries per second where only so many rows may come back, 200 queries each.")
    return [*lines, ""]


def kept(rows: list[dict[str, Any]]) -> list[str]:
    """Who was not built in this run, but has a time of it."""
    stores = dict.fromkeys(row["store"] for row in rows if row.get("kept") and row["unit"] == "s")
    return [f"- built in an earlier run on the same machine: {', '.join(stores)}"] if stores else []
