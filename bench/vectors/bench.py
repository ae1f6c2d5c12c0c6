"""Compares vector search with its peers, in one run, and prints tables with ratios, the machine and the date.

    cargo xtask bench vectors --data DIR [--sets A,B] [--stores A,B] [--rows N] [--rounds N]
                              [--prepare] [--build [A,B]] [--wasm] [--only-wasm [A,B]] [--out FILE] [--page FILE]

`--data` has a folder for each set, with `base.f32.npy` or `base.f16.npy`, `query.f32.npy`, `truth-100.i32.npy` (the
nearest rows by cosine) and perhaps `lexfile.u8.npy` (a topic of each row). The set `million` is generated.

What takes long is kept in `--cache`: the sets, the indexes and the ef of each row. `--prepare` makes them and measures
nothing, so that it may run while the machine does other things: no build time of it is published. `--build` builds
anew what is there already, of all stores or of those that are named, and tells how long it took; koru's is also built
anew when koru is another. `--wasm` adds modules of wasm in Node and in a page of Chromium, and `--only-wasm` is those
alone, as `bench/wasm-vectors/run.mjs` measures them.

Every phase of every store is a process of its own, which is ended when it takes too long. Building may use two threads;
searching has one core and one query at a time, with stores taking turns in each round. Nothing fails because it is
slow: the table says what was measured.
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
import time
from pathlib import Path
from typing import Any

import measure
import page
import sets
import table
from stores import STORES

HERE = Path(__file__).parent
WASM = HERE.parent / "wasm-vectors/run.mjs"
KORU = "koru"
SEARCHES = ["graph", "codes", "full", "history"]
"""koru's, each of another database."""
WASM_PLACES = ["wasm", "chromium"]
"""Where modules of wasm run, as rows and phases name it: in Node, and in a page."""
WASM_SET = "wordnet-minilm-100k"
"""What is searched in wasm, too."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="where the sets are")
    parser.add_argument("--cache", type=Path, default=Path("target/vectors"), help="where what is made of them is kept")
    parser.add_argument("--koru", type=Path, help="the program koru-bench; without it only peers are measured")
    parser.add_argument("--sets", default="wordnet-minilm-100k,glove-100k", help=f"of {','.join(sets.SETS)}")
    parser.add_argument("--stores", default=",".join([KORU, *STORES]), help="all of them if it is not said")
    parser.add_argument("--rows", type=int, help="only the first of each set, to try it out")
    parser.add_argument("--rounds", type=int, default=3, help="3 if it is not said")
    parser.add_argument("--prepare", action="store_true", help="makes sets, indexes and efs, measures nothing")
    parser.add_argument("--build", nargs="?", const="", metavar="STORES", help="builds what is there already, timed")
    parser.add_argument("--wasm", action="store_true", help=f"also modules of wasm, with {WASM_SET}")
    parser.add_argument("--only-wasm", nargs="?", const="", metavar="STORES", help="only these: all, or those named")
    parser.add_argument("--minutes", type=float, default=15, help="the most that one phase of a store may take; 15")
    parser.add_argument("--out", type=Path, help="where the rows are left, as JSON")
    parser.add_argument("--page", type=Path, help="where they are left as a page")
    parser.add_argument("--child", nargs=4, metavar=("PHASE", "STORE", "SET", "PATH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        phase, store, prepared, path = options.child
        measure.run(phase, store, Path(prepared), Path(path))
        return
    run = Run(options)
    run.all()
    if options.page and not options.prepare:
        options.page.write_text(page.page([run.report]))
    print("\n".join(run.failures) if options.prepare else table.markdown(run.report))


class Run:
    """One run: what was asked for, and the rows so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        named = options.stores.split(",")
        if unknown := [name for name in named if name not in (KORU, *STORES)]:
            sys.exit(f"there is no store {', '.join(unknown)}: {', '.join([KORU, *STORES])}")
        if unknown := [name for name in options.sets.split(",") if name not in sets.SETS]:
            sys.exit(f"there is no set {', '.join(unknown)}: {', '.join(sets.SETS)}")
        self.names = [name for name in named if name in STORES or options.koru]
        self.rows: list[dict[str, Any]] = []
        self.failures: list[str] = []
        versions = ", ".join(STORES[name].description() for name in self.names if name in STORES)
        command = f"cargo xtask bench vectors {told(options)}"
        peers = {} if self.only_wasm() else {"peers": versions}
        self.facts = machine() | {"command": command, "rounds": options.rounds} | peers
        self.report = {"facts": self.facts, "rows": self.rows, "failures": self.failures}

    def all(self) -> None:
        start = time.monotonic()
        named = [] if self.only_wasm() else self.options.sets.split(",")
        there = [self.one_set(name) for name in named]
        for prepared, paths in there:
            if self.options.prepare:
                for store, path in paths.items():
                    self.phase("seek", store, prepared, path)
            else:
                self.measure(prepared, paths)
        if (self.options.wasm or self.only_wasm()) and not self.options.prepare:
            prepared = sets.prepare(WASM_SET, self.options.data, self.sets(), self.options.rows)
            self.wasm(prepared)
        self.keep()
        say(f"all of it: {time.monotonic() - start:.0f} s")

    def only_wasm(self) -> bool:
        return self.options.only_wasm is not None

    def sets(self) -> Path:
        return Path(self.options.cache / "sets")

    def one_set(self, name: str) -> tuple[Path, dict[str, Path]]:
        """Prepares a set, and builds what is not there yet; where the set is, and the index of each store."""
        prepared = timed(f"{name}: the set", sets.prepare, name, self.options.data, self.sets(), self.options.rows)
        able = [store for store in self.names if name != "million" or store == KORU or STORES[store].large]
        paths = {store: self.options.cache / "indexes" / prepared.name / store for store in able}
        for store, path in paths.items():
            self.build(store, prepared, path)
        return prepared, {store: path for store, path in paths.items() if path.with_suffix(".build.json").exists()}

    def measure(self, prepared: Path, paths: dict[str, Path]) -> None:
        for _ in range(self.options.rounds):
            if KORU in paths:
                self.phase("floor", KORU, prepared, paths[KORU])
            for store, path in paths.items():
                for part in [f"search-{of}" for of in SEARCHES] if store == KORU else ["search"]:
                    self.phase(part, store, prepared, path)
            for store, path in paths.items():
                self.phase("open", store, prepared, path)

    def build(self, store: str, prepared: Path, path: Path) -> None:
        """Builds an index, or takes what was measured when the one that is there was built."""
        built, made_by = path.with_suffix(".build.json"), version(store)
        kept = json.loads(built.read_text()) if built.exists() else {}
        again = self.options.build
        if kept.get("version") == made_by and (again is None or again and store not in again.split(",")):
            # Whoever only prepares may do so beside other work: sizes are right, and times are not.
            self.rows.extend(row | {"kept": True} for row in kept["rows"] if kept["timed"] or row["unit"] == "B")
            return
        shutil.rmtree(path, ignore_errors=True)
        built.unlink(missing_ok=True)
        path.with_suffix(".ef.json").unlink(missing_ok=True)
        before = len(self.rows)
        if self.phase("build", store, prepared, path):
            rows = self.rows[before:]
            timed = not self.options.prepare
            built.write_text(json.dumps({"version": made_by, "timed": timed, "rows": rows}))

    def wasm(self, prepared: Path) -> None:
        """Once: each store is built for each of its parts, in memory, which takes minutes."""
        listed = subprocess.run(["node", str(WASM), "--list"], check=True, capture_output=True, text=True).stdout
        asked = (self.options.only_wasm or "").split(",")
        stores = {store: one for store, one in json.loads(listed).items() if asked == [""] or store in asked}
        self.facts["node"] = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
        self.facts["peers in wasm"] = ", ".join(one["version"] for store, one in stores.items() if store != KORU)
        for place in WASM_PLACES:
            for part in ("graph", "codes"):
                for store, one in stores.items():
                    if part in one["parts"] and (place == "wasm" or one["page"]):
                        self.phase(f"{place}-{part}", store, prepared, self.options.cache / "wasm" / store)

    def phase(self, what: str, store: str, prepared: Path, path: Path) -> bool:
        """Whether it went well. Rows of a phase that ended early are taken, except those of a build."""
        start = time.monotonic()
        said, failure = self.child(what, store, prepared, path)
        if failure:
            self.failures.append(f"{prepared.name}: {store}: {what}: {failure}")
        for row in said:
            if "failure" in row:
                self.failures.append(f"{prepared.name}: {store}: {row['failure']}")
            elif not (failure and what == "build"):
                self.rows.append(row)
        ended = f"failed: {failure}" if failure else "done"
        say(f"{prepared.name}: {store}: {what}: {ended} in {time.monotonic() - start:.1f} s")
        self.keep()
        return failure is None

    def keep(self) -> None:
        """After each phase, so that a run that is broken off is not lost."""
        if self.options.out and not self.options.prepare:
            self.options.out.parent.mkdir(parents=True, exist_ok=True)
            self.options.out.write_text(json.dumps(self.report, indent=1))

    def child(self, phase: str, store: str, prepared: Path, path: Path) -> tuple[list[dict[str, Any]], str | None]:
        """The rows of a phase on a store, measured by another process, and what went wrong."""
        place, _, part = phase.partition("-")
        if place in WASM_PLACES:
            order = ["node", str(WASM), "--store", store, "--part", part, "--set", str(prepared), "--path", str(path)]
            order += ["--chromium"] if place == "chromium" else []
        elif store == KORU:
            order = [str(self.options.koru), "vectors", "--phase", phase, "--set", str(prepared), "--path", str(path)]
        else:
            here = [sys.executable, str(HERE / "bench.py"), "--data", str(self.options.data)]
            order = [*here, "--child", phase, store, str(prepared), str(path)]
        several = phase in ("build", "seek") or place in WASM_PLACES or not hasattr(os, "sched_setaffinity")
        alone = None if several else only_one_core
        pipe = subprocess.PIPE
        process = subprocess.Popen(order, stdout=pipe, stderr=pipe, text=True, preexec_fn=alone)
        failure = None
        try:
            out, errors = process.communicate(timeout=self.options.minutes * 60)
            if process.returncode:
                last = " ".join(errors.strip().splitlines()[-1:])
                failure = last or f"it ended with {process.returncode}"
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
            failure = f"ended after {self.options.minutes:g} minutes"
        whole = [line for line in out.splitlines() if line.startswith("{") and line.endswith("}")]
        return [json.loads(line) for line in whole], failure


def only_one_core() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def version(store: str) -> str:
    """Another one makes what was built with it anew."""
    if store != KORU:
        return STORES[store].description()
    trees = ["git", "rev-parse", "HEAD:core", "HEAD:bench/src/vectors"]
    return " ".join(subprocess.run(trees, capture_output=True, text=True, cwd=HERE).stdout.split())


def told(options: argparse.Namespace) -> str:
    """What to type to have the same run: without where this machine has its files."""
    if options.only_wasm is not None:
        return f"--data DIR --only-wasm {options.only_wasm}".strip()
    words = ["--data DIR", f"--sets {options.sets}", f"--rounds {options.rounds}"]
    if options.stores != ",".join([KORU, *STORES]):
        words.append(f"--stores {options.stores}")
    if options.rows:
        words.append(f"--rows {options.rows}")
    if options.build is not None:
        words.append(f"--build {options.build}".strip())
    return " ".join([*words, *(["--wasm"] if options.wasm else [])])


def machine() -> dict[str, Any]:
    def named(file: str, name: str) -> str:
        try:
            lines = Path(file).read_text().splitlines()
        except OSError:
            return "unknown"
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "unknown")

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], capture_output=True, text=True, cwd=HERE).stdout.strip()

    flags = named("/proc/cpuinfo", "flags").split()
    known = {"avx512_vnni": "AVX-512 with VNNI", "avx2": "AVX2"}
    changed = " and changes" if git("status", "--porcelain", "--untracked-files=no") else ""
    return {
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
        "commit": (git("rev-parse", "--short=12", "HEAD") or "unknown") + changed,
        "processor": named("/proc/cpuinfo", "model name"),
        "its instructions": next((name for flag, name in known.items() if flag in flags), "others"),
        "cores": os.cpu_count(),
        "memory": named("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "load before the run": f"{os.getloadavg()[0]:.2f}",
    }


def timed(what: str, call: Any, *given: Any) -> Any:
    start = time.monotonic()
    made = call(*given)
    say(f"{what}: done in {time.monotonic() - start:.1f} s")
    return made


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
