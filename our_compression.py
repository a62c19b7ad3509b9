"""Makes `compression` mean our package even after the standard library's own package of that name (Python 3.14) was loaded.

Entry points import this before anything of ours; it changes nothing when ours was found first.
"""

import importlib
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "compression"


def reach_our_package() -> None:
    """Add our folder to the path of the `compression` package that is loaded."""
    package = importlib.import_module("compression")
    if str(FOLDER) not in list(package.__path__):
        package.__path__.append(str(FOLDER))


reach_our_package()
