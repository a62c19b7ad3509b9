"""Homes of the lab that a benchmark fills and leaves behind empty."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from compression import settings
from compression.runs.launch import supervisor_alive

IDLE_S = "2"


@contextmanager
def fresh_home() -> Iterator[Path]:
    """Let `LAB_HOME` name an empty folder, with the datasets where they were; afterwards wait for its supervisor to leave."""
    changes = {"LAB_DATA": str(settings.data_root()), "LAB_SUPERVISOR_IDLE_SECONDS": IDLE_S}
    with tempfile.TemporaryDirectory() as home, patch.dict(os.environ, {**changes, "LAB_HOME": home}):
        yield Path(home)
        while supervisor_alive():
            time.sleep(0.1)
