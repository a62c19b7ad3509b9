"""The one store that all pages of this server read and write."""

import functools

from compression import settings
from compression.runs.store import Store


def store() -> Store:
    """Return the store of the current settings; opened once, used by every session."""
    return _open(settings.database_url())


@functools.cache
def _open(url: str) -> Store:
    return Store(url)
