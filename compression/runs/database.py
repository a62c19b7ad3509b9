"""The connection to the store's database, on which everything that reads or writes it is built."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, exc

from compression import settings
from compression.errors import StoreError
from compression.runs.schema import open_engine, reason
from compression.texts import gettext as _

_log = logging.getLogger(__name__)


class Database:
    """Transactions that read and transactions that write.

    Args:
        url: an SQLAlchemy URL; what the settings say by default.
        begin_anew: make a new, empty store where the file of this one was removed or replaced, and say so in the log.
    """

    def __init__(self, url: str | None = None, *, begin_anew: bool = False) -> None:
        self._url, self._begin_anew, self._opening = url or settings.database_url(), begin_anew, threading.Lock()
        self._open()

    def _open(self) -> None:
        self._engine = open_engine(self._url)
        self._writer = self._engine.execution_options(writes=True)
        self._opened = self._file()

    def _file(self) -> tuple[int, int] | None:
        if self._engine.dialect.name != "sqlite":
            return None
        try:
            found = os.stat(self._engine.url.database or "")
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _look_for_file(self) -> None:
        if self._begin_anew and self._file() != self._opened:
            with self._opening:
                if self._file() != self._opened:
                    _log.warning("The store %s was removed or replaced; the lab goes on with what is there now.", self._url)
                    self._engine.dispose()
                    self._open()

    def close(self) -> None:
        """Close every connection; the next call opens a new one. To be called before a fork."""
        self._engine.dispose()

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        self._look_for_file()
        with _told(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        self._look_for_file()
        with _told(), self._writer.begin() as connection:
            yield connection


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except exc.SQLAlchemyError as error:
        raise StoreError(_("The store cannot be used: {reason}.").format(reason=reason(error))) from error
