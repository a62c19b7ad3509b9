"""The net under every page: whatever goes wrong, a person reads one sentence; the traceback stays in the server's log."""

import logging
import time

import streamlit as st
from streamlit.logger import get_logger

from compression.errors import LabError
from compression.texts import gettext as _

STREAMLITS_LOG = "streamlit.error_util"
SAID_ONCE_IN_S = 60.0


def say_expected_failures_in_one_line() -> None:
    """Let the server's log say what a page let through in its one sentence, once a minute, where it is no bug of the lab."""
    log = get_logger(STREAMLITS_LOG)
    if not any(isinstance(present, OneLine) for present in log.filters):
        log.addFilter(OneLine())


class OneLine(logging.Filter):
    """Takes the traceback from records of failures that the lab expects, and drops them while they repeat."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write a record, after cutting it to one line."""
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if not isinstance(error, LabError):
            return True
        record.exc_info, record.msg, record.args, sentence = None, "%s", (error,), str(error)
        now, before = time.monotonic(), self._said.get(sentence)
        if before is not None and now - before < SAID_ONCE_IN_S:
            return False
        self._said = {said: at for said, at in self._said.items() if now - at < SAID_ONCE_IN_S} | {sentence: now}
        return True


def show_failure(error: Exception) -> bool:
    """Show an error that a page let through; Streamlit has logged it already.

    Returns:
        True: Streamlit shows nothing of its own.
    """
    if isinstance(error, LabError):
        st.error(str(error), icon=":material/error:")
    else:
        sentence = _("Something went wrong on this page; reload it, and if it happens again look into the server's log.")
        st.error(sentence, icon=":material/error:")
    return True
