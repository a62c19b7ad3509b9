"""Where things lie and every limit, read from the environment at each call so that tests and servers can set them."""

import os
import platform
from pathlib import Path

import platformdirs

from compression.errors import LabError

LONG_RUN_WHERE_SHARED_S, LIMIT_TO_EXPECTED = 300, 3


def home() -> Path:
    """Return the folder of the store and the artefacts (`LAB_HOME`; a per-user data folder by default).

    Raises:
        LabError: the variable is set, but empty.
    """
    folder = _given("LAB_HOME")
    return Path(folder).expanduser() if folder else Path(platformdirs.user_data_dir("compression-lab", appauthor=False))


def data_root() -> Path:
    """Return the root that torchvision's datasets take (`LAB_DATA`; `data` under the home folder by default)."""
    folder = _given("LAB_DATA")
    return Path(folder).expanduser() if folder else home() / "data"


def database_url() -> str:
    """Return the store's SQLAlchemy URL (`LAB_DATABASE_URL`; an SQLite file in the home folder by default)."""
    return _given("LAB_DATABASE_URL") or f"sqlite:///{home() / 'lab.db'}"


def shares_store() -> bool:
    """Tell whether other machines may work on the same store: an SQLite file is one machine's."""
    return not database_url().startswith("sqlite")


def machine() -> str:
    """Return the name of this machine among those that share a store (`LAB_MACHINE`; its network name by default)."""
    return os.environ.get("LAB_MACHINE") or platform.node() or "localhost"


def runs_folder() -> Path:
    """Return the folder that holds one folder a run."""
    return home() / "runs"


def models_folder() -> Path:
    """Return the folder of trained networks that runs share."""
    return home() / "models"


def weights_folder() -> Path:
    """Return the folder of the files of weights that people brought."""
    return home() / "weights"


def check() -> None:
    """Read every setting, so that one that makes no sense is told before a run starts.

    Raises:
        LabError: a setting is not what is allowed.
    """
    for setting in (
        home,
        data_root,
        database_url,
        runs_per_person,
        gpu_slots,
        cpu_slots,
        threads,
        shared,
        time_limit_s,
        long_run_s,
    ):
        setting()


def _given(name: str) -> str | None:
    """Return what a variable of the environment is set to; None where it is not set.

    Raises:
        LabError: it is set to nothing, which may be a mistake: another place would be used without a word.
    """
    text = os.environ.get(name)
    if text is not None and not text.strip():
        raise LabError(f"{name} is set, but empty; give it a value, or unset it to use the usual place.")
    return text


def limit(name: str, default: int) -> int:
    """Return a whole-number limit from the environment.

    Raises:
        LabError: the variable is set to something that is not a whole number of at least 1.
    """
    text = os.environ.get(name)
    if text is None:
        return default
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise LabError(f"{name} is set to {text!r}; a whole number of at least 1 is allowed.")
    return value


def runs_per_person() -> int:
    """Return how many runs one person may have waiting or running (`LAB_RUNS_PER_PERSON`)."""
    return limit("LAB_RUNS_PER_PERSON", 5)


def gpu_slots() -> int:
    """Return how many runs share one GPU (`LAB_GPU_SLOTS`)."""
    return limit("LAB_GPU_SLOTS", 4)


def cpu_slots() -> int:
    """Return how many cores runs on the CPU share, whoever started them (`LAB_CPU_SLOTS`; by default all)."""
    return limit("LAB_CPU_SLOTS", cores())


def cores() -> int:
    """Return how many CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shared() -> bool:
    """Tell whether other people use this lab (`LAB_SHARED`, yes or no; the server says yes where it answers other machines).

    Raises:
        LabError: the variable is set to something else.
    """
    text = os.environ.get("LAB_SHARED", "no")
    if text not in ("yes", "no"):
        raise LabError(f"LAB_SHARED is set to {text!r}; yes or no is allowed.")
    return text == "yes"


def long_run_s() -> float | None:
    """Return how many seconds a run started on a page may be expected to take (`LAB_LONG_RUN_SECONDS`).

    By default five minutes where the lab is shared, else as long as one likes.
    """
    return optional_limit("LAB_LONG_RUN_SECONDS") or (LONG_RUN_WHERE_SHARED_S if shared() else None)


def time_limit_s() -> float | None:
    """Return the seconds of work after which a run is stopped (`LAB_RUN_TIME_LIMIT_SECONDS`).

    By default three times as long as a run may be expected to take; none where that is not limited.
    """
    expected = long_run_s()
    return optional_limit("LAB_RUN_TIME_LIMIT_SECONDS") or (expected and LIMIT_TO_EXPECTED * expected)


def optional_limit(name: str) -> int | None:
    """Return a whole-number limit from the environment; None where it is not set.

    Raises:
        LabError: as `limit`.
    """
    return None if os.environ.get(name) is None else limit(name, 1)


def threads() -> int:
    """Return how many CPU threads a run computes with (`LAB_THREADS`; by default all cores but one, which serves the pages)."""
    return limit("LAB_THREADS", max(1, min(8, cores() - 1)))
