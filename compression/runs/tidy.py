"""Freeing what old runs hold: files, events of unfinished runs, and trained networks,
own images and own weights that no run uses any more.

Settings, results and logs stay, and so do the curves of finished runs. A run whose files are gone can be run again.
"""

import filecmp
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from compression import settings
from compression.data.own.stored import folder as own_datasets_folder
from compression.errors import LabError
from compression.runs.records import ACTIVE, FINISHED, RUNNING, Run
from compression.runs.rows import SAFE_ID
from compression.runs.store import Store
from compression.texts import gettext as _
from compression.texts import mark

DAY_S = 86_400
USUAL_DAYS = 30
LOG_NAME = "log.txt"
FINISHED_RUNS, UNFINISHED_RUNS, DELETED_RUNS, CACHE, IMAGES = "finished", "unfinished", "deleted", "cache", "images"
WEIGHTS = "weights"
TITLES = {
    FINISHED_RUNS: mark("Model files of finished runs"),
    UNFINISHED_RUNS: mark("Files and curves of unfinished runs"),
    DELETED_RUNS: mark("Files and curves of deleted runs"),
    CACHE: mark("Cached networks that no run uses"),
    IMAGES: mark("Own images that no run uses"),
    WEIGHTS: mark("Own weights that no run uses"),
}


class File(NamedTuple):
    """A file and what it takes: `identity` is the same for all names of one file, of which there are `names`."""

    path: Path
    size: int
    written: float
    identity: tuple[int, int]
    names: int


@dataclass
class Part:
    """One kind of what can be freed: how many runs (or cached networks) hold it, and how many bytes it takes."""

    count: int = 0
    bytes: int = 0
    files: list[File] = field(default_factory=list)
    events_of: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Tidying:
    """What can be freed, by kind; `cache_in_use` tells that cached networks stay because a run is at work."""

    parts: Mapping[str, Part]
    cache_in_use: bool

    @property
    def bytes(self) -> int:
        """Return how many bytes there are to free."""
        return sum(part.bytes for part in self.parts.values())


def survey(store: Store, *, older_than_days: float = USUAL_DAYS, owner: str | None = None) -> Tidying:
    """Return what can be freed; nothing is changed.

    Args:
        older_than_days: only what ended, or was written, at least so long ago.
        owner: only what this person's runs hold, and own images and weights that are nobody's but at least a day old, since
            somebody may be about to use younger ones; otherwise also what deleted runs left and cached networks.
    """
    before = time.time() - older_than_days * DAY_S
    brought_before = before if owner is None else min(before, time.time() - DAY_S)
    folders = _folders()  # before the runs: a folder is made after its run
    runs = store.runs(limit=None)
    used = {str(source["run"]) for run in runs for source in _sources(run)}
    parts = {name: Part() for name in TITLES}
    for run in runs:
        if run.state not in ACTIVE and (run.finished or run.created) < before and owner in (None, run.owner):
            _add_run(parts[FINISHED_RUNS if run.state == FINISHED else UNFINISHED_RUNS], store, run, kept=run.id in used)
    at_work = any(run.state == RUNNING for run in runs)
    _add_images(parts[IMAGES], runs, brought_before)
    _add_weights(parts[WEIGHTS], runs, brought_before)
    if owner is None:
        known = {run.id for run in runs}
        _add_deleted(parts[DELETED_RUNS], store, [folder for folder in folders if folder.name not in known], before)
        if not at_work:
            freed = {file.path for part in parts.values() for file in part.files}
            _add_cache(parts[CACHE], [file for folder in folders for file in _files(folder) if file.path not in freed], before)
    _weigh(parts.values(), store)
    return Tidying(parts, cache_in_use=owner is None and at_work)


def tidy(store: Store, *, older_than_days: float = USUAL_DAYS, owner: str | None = None) -> Tidying:
    """Free what `survey` finds, and return it. What runs at work hold stays.

    Raises:
        LabError: the store, or a file, may not be changed.
    """
    found = survey(store, older_than_days=older_than_days, owner=owner)
    try:
        for part in found.parts.values():
            store.drop_events(part.events_of)
            for file in part.files:
                file.path.unlink(missing_ok=True)
        for folder in {file.path.parent for file in found.parts[DELETED_RUNS].files}:
            folder.rmdir()
    except OSError as error:
        raise LabError(_("{file} cannot be removed: {reason}.").format(file=error.filename, reason=error.strerror)) from error
    if owner is None:
        store.compact()
    return found


def brought_files() -> bool:
    """Tell whether the lab holds own images or own weights, used or not."""
    return bool(_own_images() or _files(settings.weights_folder()))


def _own_images() -> list[File]:
    return [file for file in _files(own_datasets_folder()) if file.path.name.startswith("own-")]


def _add_run(part: Part, store: Store, run: Run, *, kept: bool) -> None:
    files = [] if kept else [file for file in _files(settings.runs_folder() / run.id) if file.path.name != LOG_NAME]
    events = run.state != FINISHED and bool(store.events(run.id, limit=1))
    part.files += files
    part.events_of += [run.id] if events else []
    part.count += bool(files or events)


def _add_deleted(part: Part, store: Store, folders: Iterable[Path], before: float) -> None:
    left = {folder.name: _files(folder) for folder in folders}
    old = {name: files for name, files in left.items() if all(file.written < before for file in files)}
    part.files += [file for files in old.values() for file in files]
    part.events_of += store.runs_deleted_with_events_left()
    part.count += len({name for name, files in old.items() if files} | set(part.events_of))


def _add_cache(part: Part, used: list[File], before: float) -> None:
    links = {file.identity for file in used}
    cached = _files(settings.models_folder())
    networks = [file for file in cached if file.path.suffix == ".safetensors"]
    kept = {file.path.stem for file in networks if file.written >= before or file.identity in links or _copied(file, used)}
    # A network's other files, such as the curve of its training, are named after it.
    part.files += [file for file in cached if file.written < before and file.path.name.split(".")[0] not in kept]
    part.count += len({file.path.stem for file in networks} - kept)


def _add_images(part: Part, runs: Iterable[Run], before: float) -> None:
    used = {str(_mapping(run.spec.get("dataset")).get("name")) for run in runs}
    used |= {str(value) for run in runs for value in _mapping(run.spec.get("scheme")).values()}  # a teacher's of another task
    old = [file for file in _own_images() if file.written < before]
    part.files += [file for file in old if file.path.name.split(".")[0] not in used]
    part.count += len(part.files)


def _add_weights(part: Part, runs: Iterable[Run], before: float) -> None:
    used = {str(_mapping(choice).get("weights")) for run in runs for choice in run.spec.values()}
    old = [file for file in _files(settings.weights_folder()) if file.written < before]
    part.files += [file for file in old if file.path.name.split(".")[0] not in used]
    part.count += len(part.files)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _copied(cached: File, used: list[File]) -> bool:
    """Tell whether a run holds the same network as a copy, as it does where files cannot be linked."""
    same_size = [file.path for file in used if file.size == cached.size]
    return any(filecmp.cmp(cached.path, path, shallow=False) for path in same_size)


def _weigh(parts: Iterable[Part], store: Store) -> None:
    """Count the bytes of each part; a file with several names is freed with the last of them."""
    names_left: dict[tuple[int, int], int] = {}
    for part in parts:
        for file in part.files:
            left = names_left[file.identity] = names_left.get(file.identity, file.names) - 1
            part.bytes += file.size if left == 0 else 0
        part.bytes += sum(store.bytes_of_events(run_id) for run_id in part.events_of)


def _folders() -> list[Path]:
    folder = settings.runs_folder()
    found = folder.iterdir() if folder.is_dir() else ()
    return [path for path in found if path.is_dir() and not path.is_symlink() and SAFE_ID.fullmatch(path.name)]


def _files(folder: Path) -> list[File]:
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else ():
        with suppress(FileNotFoundError):  # removed meanwhile
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                identity = status.st_dev, status.st_ino
                found.append(File(path, status.st_size, status.st_mtime, identity, status.st_nlink))
    return found


def _sources(run: Run) -> Iterator[Mapping[str, Any]]:
    """Yield the references of a run's spec to networks of other runs."""
    for part in run.spec.values():
        if isinstance(part, Mapping) and "run" in part:
            yield part
