"""Every script of `tests/vectors` gives the results and the file hashes that it gives in every other language."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from conformance import Difference, Run, scripts

SCRIPTS = dict(scripts())


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_gives_its_results_and_its_bytes(name: str, tmp_path: Path) -> None:
    assert Run(name, SCRIPTS[name], tmp_path / "db.koru").all() > 0


@pytest.mark.parametrize("name", ["documents", "history", "tags"])
def test_a_changed_expectation_is_noticed(name: str, tmp_path: Path) -> None:
    """The canary: a runner that passes over what came would let these pass."""
    for at, step in enumerate(SCRIPTS[name]["steps"]):
        if step.get("result") is None or step["op"] == "close":
            continue
        script: dict[str, Any] = copy.deepcopy(SCRIPTS[name])
        script["steps"][at]["result"] = ["something", "else"]
        with pytest.raises(Difference, match=f"step {at + 1} "):
            Run(name, script, tmp_path / f"{at}.koru").all()


def test_a_changed_byte_of_a_file_is_noticed(tmp_path: Path) -> None:
    script = copy.deepcopy(SCRIPTS["documents"])
    closes = [step for step in script["steps"] if step["op"] == "close"]
    closes[0]["result"]["root"] = "0" * 64
    with pytest.raises(Difference, match="close"):
        Run("documents", script, tmp_path / "db.koru").all()
