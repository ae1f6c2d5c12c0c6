"""The examples in the docstrings run, and everything that is public says what it is."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import koru_delta
from koru_delta import aio


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name in module.__all__:
        if name.startswith("__"):
            continue
        item = getattr(module, name)
        yield f"{module.__name__}.{name}", item
        if inspect.isclass(item):
            for member in vars(item):
                if not member.startswith("_"):
                    yield f"{module.__name__}.{name}.{member}", getattr(item, member)


ITEMS = {"koru_delta": koru_delta, "koru_delta.aio": aio, **dict(public(koru_delta)), **dict(public(aio))}


@pytest.mark.parametrize("name", ITEMS)
def test_examples_run(name: str) -> None:
    for test in doctest.DocTestFinder(recurse=False).find(ITEMS[name], name, module=False, globs={}):
        runner = doctest.DocTestRunner(optionflags=doctest.FAIL_FAST)
        runner.run(test)
        assert runner.failures == 0


def test_everything_public_says_what_it_is() -> None:
    inherited = (BaseException.with_traceback, BaseException.add_note)
    silent = [
        name
        for name, item in ITEMS.items()
        if not (inspect.getdoc(item) or "").strip() and item not in inherited and not isinstance(item, str)
    ]
    assert silent == []


def test_an_import_brings_in_little() -> None:
    """`pip install koru-delta` has no dependencies, and `import koru_delta` does not load asyncio."""
    import subprocess
    import sys

    code = "import sys, koru_delta; print('asyncio' in sys.modules, 'numpy' in sys.modules, 'ctypes' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False"] * 3
