"""Our package `compression` and the standard one of Python 3.14 live together, whichever is loaded first."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROBE = "import compression._common.streams as theirs, compression.texts as ours; print(theirs.NAME, ours.gettext('here'))"
STANDARD_FIRST = "import compression._common.streams; import sys; sys.path.insert(0, {root!r}); {first}" + PROBE
OURS_FIRST = "import sys; sys.path.insert(0, {root!r}); import compression.texts; {first}" + PROBE


@pytest.fixture
def standard(tmp_path: Path) -> Path:
    """A folder that holds a stand-in for the standard package, as gzip would find it."""
    common = tmp_path / "compression" / "_common"
    common.mkdir(parents=True)
    (tmp_path / "compression" / "__init__.py").write_text("")
    (common / "__init__.py").write_text("")
    (common / "streams.py").write_text("NAME = 'standard'\n")
    return tmp_path


def run(code: str, standard: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh process that finds the stand-in on its path."""
    environment = {"PYTHONPATH": str(standard), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-P", "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("order", "first"), [(STANDARD_FIRST, "import our_compression; "), (OURS_FIRST, "import our_compression; "), (OURS_FIRST, "")]
)
def test_both_packages_are_reachable_in_both_orders(order: str, first: str, standard: Path) -> None:
    answer = run(order.format(root=str(ROOT), first=first), standard)
    assert answer.stdout == "standard here\n", answer.stderr


def test_the_stand_in_does_hide_ours_without_our_module(standard: Path) -> None:
    answer = run(STANDARD_FIRST.format(root=str(ROOT), first=""), standard)
    assert "No module named 'compression.texts'" in answer.stderr


def test_no_module_of_ours_takes_a_standard_name() -> None:
    taken = {"_common", "bz2", "gzip", "lzma", "zlib", "zstd"}
    assert not taken & {path.stem for path in (ROOT / "compression").iterdir()}
