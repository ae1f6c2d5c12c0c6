"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import koru_delta


@pytest.fixture
def db() -> Iterator[koru_delta.Database]:
    """A database in memory."""
    with koru_delta.open("memory:") as db:
        yield db
