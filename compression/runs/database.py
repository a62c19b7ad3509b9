"""The connection to the store's database, on which everything that reads or writes it is built."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, exc

from compression import settings
from compression.errors import StoreError
from compression.runs.schema import open_engine, reason
from compression.texts import gettext as _


class Database:
    """Transactions that read and transactions that write.

    Args:
        url: an SQLAlchemy URL; what the settings say by default.
    """

    def __init__(self, url: str | None = None) -> None:
        self._engine = open_engine(url or settings.database_url())
        self._writer = self._engine.execution_options(writes=True)

    def close(self) -> None:
        """Close every connection; the next call opens a new one. To be called before a fork."""
        self._engine.dispose()

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with _told(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with _told(), self._writer.begin() as connection:
            yield connection


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except exc.SQLAlchemyError as error:
        raise StoreError(_("The store cannot be used: {reason}.").format(reason=reason(error))) from error
