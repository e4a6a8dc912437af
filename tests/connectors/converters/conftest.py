from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.converters.documents import Documents


@pytest.fixture(scope="session")
def converter() -> Iterator[Documents]:
    """One converter with the limits it has by default, and one process of its own."""
    with Documents() as documents:
        yield documents
