"""What a terminal shows while the lab is being loaded."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from compression.texts import gettext as _


@contextmanager
def starting() -> Iterator[None]:
    """Say on a terminal that the lab is being loaded, which takes seconds, for as long as it is."""
    terminal = sys.stderr.isatty()
    if terminal:
        print(_("Starting …"), end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
