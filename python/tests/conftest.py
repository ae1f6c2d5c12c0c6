"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import koru_delta


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also the tests that take minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow: --slow runs it"))


@pytest.fixture
def db() -> Iterator[koru_delta.Database]:
    """A database in memory."""
    with koru_delta.open("memory:") as db:
        yield db
