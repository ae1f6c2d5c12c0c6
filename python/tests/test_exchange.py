"""A database that was written in Rust, Python or Node is read by the two others: every kind of value, history, tags,
deletions and expiry, all of it compared with one description. Each has a process, a clock and entropy of its own.

`KORU_EXCHANGE` is the part of Rust, which `cargo build -p koru-tests --bin exchange` leaves in `target/debug`; that of
Node is built by the tests of the npm package.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
from pathlib import Path

import exchange
import pytest
from conformance import JSON, shown, untag

ROOT = Path(__file__).resolve().parents[2]
PATH = os.environ.get("KORU_PATH") or os.environ["PATH"]
RUST = Path(os.environ.get("KORU_EXCHANGE") or ROOT / "target" / "debug" / "exchange")
NODE = shutil.which("node", path=PATH)
SCRIPT = ROOT / "npm" / "build" / "exchange.js"

LANGUAGES = ["python", "rust", "node"]


def program(language: str) -> list[str]:
    if language == "rust":
        if not RUST.exists():
            pytest.skip(f"there is no {RUST}")
        return [str(RUST)]
    if NODE is None or not SCRIPT.exists():
        pytest.skip("the tests of the npm package are not built, or there is no node")
    return [NODE, str(SCRIPT)]


def run(language: str, doing: str, path: Path) -> str:
    command = [*program(language), doing, str(path)]
    done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, "PATH": PATH})
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def read(language: str, path: Path) -> JSON:
    return exchange.read(path) if language == "python" else untag(json.loads(run(language, "read", path)), {})


@pytest.mark.parametrize("writer", LANGUAGES)
def test_what_one_language_wrote_is_the_same_in_all(writer: str, tmp_path: Path) -> None:
    path = tmp_path / "db.koru"
    if writer == "python":
        exchange.write(path)
    else:
        run(writer, "write", path)
    here = read("python", path)
    assert shown(exchange.lasting(here)) == shown(exchange.CONTENT)
    for reader in ["rust", "node"]:
        # With the versions, times and hashes that the writer gave.
        assert shown(read(reader, path)) == shown(here), reader


def test_what_differs_is_noticed(tmp_path: Path) -> None:
    exchange.write(tmp_path / "db.koru")
    there = exchange.lasting(exchange.read(tmp_path / "db.koru"))
    changed = copy.deepcopy(there)
    kinds = {row["key"]: row for row in changed["documents"]["kinds"]}
    kinds["whole float"]["value"] = 1
    assert shown(changed) != shown(there)
    changed = copy.deepcopy(there)
    del changed["history"]["users"]["gone"][0]["deleted"]
    assert shown(changed) != shown(there)
