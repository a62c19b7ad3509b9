"""Pages run headless, each test on a store of its own."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from ui.compress import preview_jobs

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60

Visit = Callable[..., AppTest]

# Streamlit searches all installed packages for components once a server, but for each AppTest: longer than most pages take.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


@pytest.fixture
def lab_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh home folder that the settings point at."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    monkeypatch.delenv("LAB_DATABASE_URL", raising=False)
    return tmp_path


@pytest.fixture(autouse=True)
def no_points_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Compute no points ahead, and stop computing when the test ends."""
    monkeypatch.setattr(preview_jobs, "MOST_MACS_AHEAD", 0)
    pools = [ThreadPoolExecutor(workers, thread_name_prefix="sketch") for workers in (preview_jobs.WORKERS, 1)]
    monkeypatch.setattr(preview_jobs, "_pool", pools[0])
    monkeypatch.setattr(preview_jobs, "_idle_pool", pools[1])
    yield
    for pool in pools:
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def visit(lab_home: Path) -> Visit:
    """Open a page by its name as a new visitor, with what its address carries: `visit("distill", epochs="7")`."""

    def open_page(name: str, **query: str) -> AppTest:
        app = AppTest.from_file(ROOT / "ui" / "shell.py", default_timeout=PATIENCE_S)
        app.run()
        app.query_params.update(query)
        if name != "home":
            app.switch_page(f"../pages/{name}.py")
        return app.run()

    return open_page
