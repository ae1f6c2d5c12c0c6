"""Compares vector search with its peers, in one run, and prints a table with ratios, the machine and the date.

    cargo xtask bench vectors --data DIR [--sets A,B] [--stores A,B] [--rows N] [--rounds N] [--out FILE]

`--data` has a folder for each set, with `base.f32.npy` or `base.f16.npy`, `query.f32.npy`, `truth-100.i32.npy` (the
nearest rows by cosine) and perhaps `lexfile.u8.npy` (a topic of each row). The set `million` is generated. What was
prepared and built is kept in `--cache`; an index is built anew with `--build`.

Every phase of every store is a process of its own. Building may use two threads; searching has one core and one query
at a time, with stores taking turns in each round. Nothing fails because it is slow: the table says what was measured.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import measure
import sets
import table
from stores import STORES

HERE = Path(__file__).parent
KORU = "koru"
SEARCHES = ["search-graph", "search-codes", "search-full", "search-history"]
"""koru's, each of another database."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("target/vectors"))
    parser.add_argument("--koru", type=Path, help="the program koru-bench; without it only peers are measured")
    parser.add_argument("--sets", default="wordnet-minilm-100k,glove-100k", help=f"of {','.join(sets.SETS)}")
    parser.add_argument("--stores", default=",".join([KORU, *STORES]))
    parser.add_argument("--rows", type=int, help="only the first of each set, to try it out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--build", action="store_true", help="builds what is there already")
    parser.add_argument("--out", type=Path, help="where the rows are left, as JSON")
    parser.add_argument("--child", nargs=4, metavar=("PHASE", "STORE", "SET", "PATH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        phase, store, prepared, path = options.child
        measure.run(phase, store, Path(prepared), Path(path))
        return
    print(table.markdown(compare(options)))


def compare(options: argparse.Namespace) -> dict[str, Any]:
    names = [name for name in options.stores.split(",") if name in STORES or name == KORU and options.koru]
    rows: list[dict[str, Any]] = []
    failures: list[str] = []
    versions = ", ".join(STORES[name].description() for name in names if name in STORES)
    facts = machine() | {"rounds": options.rounds, "peers": versions}
    report = {"facts": facts, "rows": rows, "failures": failures}

    def phase(what: str, store: str, prepared: Path, path: Path) -> None:
        say(f"{prepared.name}: {store}: {what}")
        try:
            for row in child(options, what, store, prepared, path):
                if "failure" in row:
                    failures.append(f"{prepared.name}: {store}: {row['failure']}")
                else:
                    rows.append(row)
        except subprocess.CalledProcessError as error:
            last = (error.stderr or "").strip().splitlines()[-1:]
            failures.append(f"{prepared.name}: {store}: {what}: {' '.join(last) or error}")
            say(f"failed: {failures[-1]}")
        if options.out:
            # After each, so that a run that is broken off is not lost.
            options.out.write_text(json.dumps(report, indent=1))

    for name in options.sets.split(","):
        prepared = sets.prepare(name, options.data, options.cache / "sets", options.rows)
        able = [store for store in names if name != "million" or store == KORU or STORES[store].large]
        paths = {store: options.cache / "indexes" / prepared.name / store for store in able}
        for store, path in paths.items():
            built = path.with_suffix(".build.json")
            if options.build or not built.exists():
                shutil.rmtree(path, ignore_errors=True)
                path.with_suffix(".ef.json").unlink(missing_ok=True)
                before = len(rows)
                phase("build", store, prepared, path)
                if len(rows) > before:
                    built.write_text(json.dumps(rows[before:]))
            else:
                rows.extend(row | {"kept": True} for row in json.loads(built.read_text()))
        for _ in range(options.rounds):
            if KORU in able:
                phase("floor", KORU, prepared, paths[KORU])
            for what in ("search", "open"):
                for store, path in paths.items():
                    if path.with_suffix(".build.json").exists():
                        for part in SEARCHES if store == KORU and what == "search" else [what]:
                            phase(part, store, prepared, path)
    return report


def child(options: argparse.Namespace, phase: str, store: str, prepared: Path, path: Path) -> list[dict[str, Any]]:
    """The rows of a phase on a store, measured by another process."""
    if store == KORU:
        order = [str(options.koru), "vectors", "--phase", phase, "--set", str(prepared), "--path", str(path)]
    else:
        here = [sys.executable, str(HERE / "bench.py"), "--data", str(options.data)]
        order = [*here, "--child", phase, store, str(prepared), str(path)]
    alone: Callable[[], None] | None = None
    if phase != "build" and hasattr(os, "sched_setaffinity"):
        core = max(os.sched_getaffinity(0))

        def alone() -> None:
            os.sched_setaffinity(0, {core})

    done = subprocess.run(order, check=True, capture_output=True, text=True, preexec_fn=alone)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def machine() -> dict[str, Any]:
    def named(file: str, name: str) -> str:
        try:
            lines = Path(file).read_text().splitlines()
        except OSError:
            return "unknown"
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "unknown")

    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, cwd=HERE)
    return {
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
        "commit": commit.stdout.strip() or "unknown",
        "processor": named("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory": named("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "load before the run": f"{os.getloadavg()[0]:.2f}",
    }


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
