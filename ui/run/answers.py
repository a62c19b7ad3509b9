"""What the networks of a finished distillation answer, computed once for everybody who looks."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from compression import answers, networks, settings
from compression.answers import Answers
from compression.data.arrays import Dataset
from compression.data.load import load_present
from compression.errors import NotFoundError
from compression.networks import Workspace
from compression.recipe import teacher_recipe
from compression.roles import role_title
from compression.runs.frames import models_of
from compression.runs.records import Run
from compression.texts import gettext as _
from ui.run import example

ROLES = ("teacher", "baseline", "student")
UNTRAINED = "untrained"
ANSWERS_CACHED, DATASETS_CACHED, RUNS_CACHED = 8, 2, 32


@dataclass(frozen=True)
class Subject:
    """The networks of one seed of a distillation.

    Attributes:
        name: the run's id; empty for the example that comes with the lab.
        files: by role, teacher first.
        teachers: how many networks teach together, of which `files` has the first.
    """

    name: str
    spec: Mapping[str, Any]
    seed: int
    files: Mapping[str, Path]
    teachers: int = 1


def of_run(run: Run, seed: int) -> Subject:
    """Return the networks of a run's seed.

    Raises:
        NotFoundError: the file of one of them is gone.
    """
    found = answers.files_of(models_of(run), settings.runs_folder() / run.id, seed)
    files = {role: found[role] for role in ROLES if role in found}
    for role in (role for role in ROLES if role in models_of(run)):
        if role not in files or not files[role].is_file():
            sentence = _("Run {run} has no file of its {role} of seed {seed} (any more).")
            raise NotFoundError(sentence.format(run=run.id, role=role_title(role).lower(), seed=seed))
    return Subject(run.id, run.spec, seed, files, models_of(run).get("teacher", {}).get("members", 1))


def of_example() -> Subject:
    """Return the networks of the example that comes with the lab."""
    spec = example.run()["spec"]
    workspace = Workspace(settings.home(), settings.models_folder(), settings.runs_folder())
    recipe = teacher_recipe(spec["dataset"], spec["teacher_train"])
    teacher = networks.find_cached(networks.cache_key(spec["dataset"], spec["teacher"], recipe, 0), workspace)
    own = {role: example.FOLDER / networks.artifact_name(role, 0) for role in ("baseline", "student")}
    return Subject("", spec, 0, {**({"teacher": teacher} if teacher else {}), **own})


def asked(subject: Subject, split: str, images: int | None = None, *, untrained: bool = False) -> Answers:
    """Return what the networks answer to a split's images, or to its first ones.

    Args:
        untrained: whether to ask the student as it was before its training, too, under the role `UNTRAINED`.

    Raises:
        DataError: the data is not there, or a file cannot be used.
    """
    files = tuple((role, str(path), path.stat().st_mtime_ns) for role, path in subject.files.items())
    return _asked(files, _choice(subject.spec), split, images, subject.seed if untrained else None, str(settings.data_root()))


def correct(run: Run, role: str) -> dict[int, Tensor]:
    """Return whether a run's networks of a role are right on each test image, bool (images,), by seed.

    Raises:
        LabError: the data is not there, or a file is gone or cannot be used.
    """
    folder, rows = settings.runs_folder() / run.id, models_of(run)[role].get("per_seed", ())
    files = {str(row["seed"]): folder / row["artifact"] for row in rows if row.get("artifact")}
    if len(files) < len(rows) or not all(path.is_file() for path in files.values()):
        raise NotFoundError(_("Run {run} has no files of its networks (any more).").format(run=run.id))
    told = tuple((seed, str(path), path.stat().st_mtime_ns) for seed, path in files.items())
    return _correct(told, _choice(run.spec), str(settings.data_root()))


@functools.lru_cache(maxsize=RUNS_CACHED)
def _correct(files: tuple[tuple[str, str, int], ...], choice: str, root: str) -> dict[int, Tensor]:
    found = answers.ask({seed: Path(path) for seed, path, _changed in files}, _dataset(choice, root), "test")
    return {int(seed): logits.argmax(1) == found.split.labels for seed, logits in found.logits.items()}


def _choice(spec: Mapping[str, Any]) -> str:
    return json.dumps({**spec["dataset"], "train_images": None})


@functools.lru_cache(maxsize=ANSWERS_CACHED)
def _asked(
    files: tuple[tuple[str, str, int], ...], choice: str, split: str, images: int | None, seed: int | None, root: str
) -> Answers:
    dataset = _dataset(choice, root)
    paths = {role: Path(path) for role, path, _changed in files}
    found = answers.ask(paths, dataset, split, images=images)
    if seed is None or "student" not in paths:
        return found
    before = answers.ask_untrained(paths["student"], dataset, found.split, seed=seed)
    return replace(found, logits={**found.logits, UNTRAINED: before})


@functools.lru_cache(maxsize=DATASETS_CACHED)
def _dataset(choice: str, root: str) -> Dataset:
    """Return a dataset without its training images, which nobody looks at."""
    whole = load_present(json.loads(choice), Path(root))
    return whole.first(0)
