"""A compression before recovery: each point of its curves is computed once for everybody, in the background, nearest first."""

import functools
import itertools
import json
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from compression import given, networks, settings
from compression.catalog import Knob
from compression.data import DATASETS
from compression.data.arrays import Dataset, Split
from compression.data.load import load_present
from compression.errors import LabError
from compression.evaluation import evaluate
from compression.export import weights
from compression.measure.macs import macs
from compression.networks import Network
from compression.preview import preview
from compression.pruning.layer_facts import MOST_IMAGES as CRITERION_IMAGES
from compression.recipe import outcomes
from compression.runs import store
from compression.runs.records import RUNNING
from compression.steps import STEPS
from compression.steps.at_once import at_once
from compression.texts import gettext as _
from compression.texts import ngettext
from ui.run.words import network
from ui.server.drawing import is_drawing

SPARSITIES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
BITS = (1, 2, 3, 4, 8, 16)
VALUES: dict[str, tuple[float, ...]] = {"sparsity": SPARSITIES, "bits": BITS}
COLUMNS = ["value", "accuracy", "size_bytes"]
WORKERS = max(1, min(2, os.cpu_count() or 1))
NETWORKS_KEPT, DATASETS_KEPT = 16, 4
POINTS_KEPT = 20_000
MOST_MACS_AHEAD = 1_000_000_000  # a point; some 20 ms of one core
AHEAD_AFTER_S, LOOK_AGAIN_S, RUN_LOOK_S = 0.15, 0.01, 1.0
MOST_IMAGES, FEWEST_IMAGES = 1000, 200
MACS_A_POINT = 10_000_000_000  # about a second of one core

Point = tuple[str, str]


@dataclass(frozen=True)
class Subject:
    """A trained network and what it is looked at with.

    Attributes:
        name: tells it from every other network, as a file in one state.
        accuracy: 0 to 1, on the validation images.
        size_bytes: of its file at full precision.
        images: how many validation images its points are computed from.
        macs: what a point costs to compute.
    """

    name: str
    network: Network
    accuracy: float
    size_bytes: int
    images: int
    macs: int


def find(spec: Mapping[str, Any]) -> Subject:
    """Return the network that a compression starts from, for its first seed.

    Raises:
        LabError: it is not trained yet, its data is not there, or its run has no such network; the sentence says what to do.
    """
    workspace = networks.Workspace(settings.home(), settings.models_folder(), settings.runs_folder())
    choice = spec["model"]
    if "run" in choice:
        path = networks.find_artifact(choice, workspace)
    elif given.is_given(choice):
        data = _dataset(json.dumps(spec["dataset"]), str(settings.data_root()))
        path = given.find(choice, spec["dataset"], data, workspace)
    else:
        keys = [networks.cache_key(spec["dataset"], choice, recipe, spec["seeds"][0]) for recipe in outcomes(spec["train"])]
        path = next(filter(None, (networks.find_cached(key, workspace) for key in keys)), None)
    if path is None:
        sentence = ngettext(
            "This {network} is not trained on {data} for {epochs} epoch yet. Run trains it first; then its curves appear here.",
            "This {network} is not trained on {data} for {epochs} epochs yet. Run trains it first; then its curves appear here.",
            spec["train"]["epochs"],
        )
        title = _(DATASETS[spec["dataset"]["name"]].title)
        raise LabError(sentence.format(network=network(choice), data=title, epochs=spec["train"]["epochs"]))
    return _subject(str(path), path.stat().st_mtime_ns, json.dumps(spec["dataset"]), str(settings.data_root()))


@functools.lru_cache(maxsize=NETWORKS_KEPT)
def _subject(path: str, changed: int, dataset_choice: str, root: str) -> Subject:
    dataset = _dataset(dataset_choice, root)
    network = networks.read(Path(path), dataset)
    per_image = macs(network.model, dataset.shape)
    images = min(len(dataset.validation), MOST_IMAGES, max(FEWEST_IMAGES, MACS_A_POINT // per_image))
    accuracy = evaluate(network.model, network.data, images=images)["val_accuracy"]
    name, size = f"{path}:{changed}:{dataset_choice}", weights.size(network.model, network.facts)
    return Subject(name, network, accuracy, size, images, per_image * images)


@functools.lru_cache(maxsize=DATASETS_KEPT)
def _dataset(choice: str, root: str) -> Dataset:
    """Return a dataset of which only validation images, and training images for pruning criteria, are kept in memory."""
    whole = load_present(json.loads(choice), Path(root))
    looked_at = Split(whole.train.inputs[:CRITERION_IMAGES].clone(), whole.train.labels[:CRITERION_IMAGES].clone())
    seen = Split(whole.validation.inputs[:MOST_IMAGES].clone(), whole.validation.labels[:MOST_IMAGES].clone())
    nothing = Split(seen.inputs[:0], seen.labels[:0])
    return replace(whole, train=looked_at, validation=seen, test=nothing)


class _Points:
    """Points by network and steps, the last used; safe to share."""

    def __init__(self, most: int) -> None:
        self._most, self._held, self._lock = most, OrderedDict[Point, dict[str, Any]](), threading.Lock()

    def get(self, point: Point) -> dict[str, Any] | None:
        with self._lock:
            if point in self._held:
                self._held.move_to_end(point)
            return self._held.get(point)

    def put(self, point: Point, value: dict[str, Any]) -> None:
        with self._lock:
            self._held[point] = value
            while len(self._held) > self._most:
                self._held.popitem(last=False)


_points = _Points(POINTS_KEPT)
_pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="sketch")
# One thread, and not one of low priority: while that held the interpreter's lock, pages waited for it to get a core.
_idle_pool = ThreadPoolExecutor(1, thread_name_prefix="sketch-ahead")
_log = logging.getLogger(__name__)


def _knobs(step: Mapping[str, Any]) -> dict[str, Knob]:
    return STEPS[step["name"]].knobs_with(step)


@functools.lru_cache(maxsize=1)
def _runs_at_work(_url: str, _period: int) -> bool:
    """Tell whether a run is at work, whose latencies a busy core would disturb; asked once a period."""
    try:
        return RUNNING in store().active_states()
    except LabError:
        return False


class Sketch:
    """Both curves of one network under one choice of steps; `start` it once, `stop` it when another is wanted.

    Attributes:
        error: why points are missing for good, in one sentence.
        late: whether someone has waited in vain for it.
    """

    def __init__(self, subject: Subject, steps: Sequence[Mapping[str, Any]]) -> None:
        self.subject, self.error, self.late = subject, "", False
        self.steps = at_once(steps)
        self.positions = {knob: next(step[knob] for step in self.steps if knob in step) for knob in VALUES}
        self._wanted, self._started = True, 0.0
        self._tasks: dict[str, list[Future[None]]] = {knob: [] for knob in VALUES}
        self._ahead: Future[None] | None = None

    @property
    def name(self) -> Point:
        """Return what tells it from every other sketch."""
        return self.subject.name, json.dumps(self.steps, sort_keys=True)

    @property
    def done(self) -> bool:
        """Tell whether all points are there that ever will be."""
        return all(task.done() for task in itertools.chain(*self._tasks.values()))

    @property
    def order(self) -> list[str]:
        """Return the knobs in the order in which their curves become complete."""
        return [*self._tasks]

    def start(self) -> None:
        """Compute in the background what nobody has asked for before, the shorter curve first."""
        self._started = time.monotonic()
        parts = {knob: [values[start::WORKERS] for start in range(WORKERS)] for knob, values in self._missing().items()}
        self._tasks = {knob: [_pool.submit(self._compute, knob, part) for part in parts[knob] if part] for knob in parts}

    def look_ahead(self) -> None:
        """Compute once, in idle moments, what a move of either slider will ask for, the nearest first; where that is quick."""
        if self._ahead is None and self.subject.macs <= MOST_MACS_AHEAD:
            self._ahead = _idle_pool.submit(self._look_ahead)

    def stop(self) -> None:
        """Leave what is not computed yet."""
        self._wanted = False
        for task in itertools.chain(*self._tasks.values(), [self._ahead] if self._ahead else []):
            task.cancel()

    def wait(self, knob: str, patience_s: float) -> None:
        """Wait until a curve is complete, or for so long since the start; first for the one that comes first in order."""
        wait(self._tasks[knob], timeout=max(0.0, self._started + patience_s - time.monotonic()))

    def curve(self, knob: str) -> pd.DataFrame:
        """Return the points of one curve that are there: value, accuracy (0 to 1), size_bytes."""
        held = [(value, _points.get(self._point(knob, value))) for value in self._values(knob)]
        rows = [(value, point["accuracy"], point["size_bytes"]) for value, point in held if point]
        return pd.DataFrame(rows, columns=COLUMNS)

    def complete(self, knob: str) -> bool:
        """Tell whether all points of a curve are there."""
        return len(self.curve(knob)) == len(self._values(knob))

    def here(self) -> dict[str, Any] | None:
        """Return the point at the present setting, if it is there."""
        return _points.get(self._point("bits", self.positions["bits"]))

    def _values(self, knob: str) -> list[float]:
        allowed = next(_knobs(step)[knob] for step in self.steps if knob in step)
        return sorted({*filter(allowed.contains, VALUES[knob]), self.positions[knob]})

    def _point(self, knob: str, value: float) -> Point:
        steps = [{**step, knob: value} if knob in step else step for step in self.steps]
        return self.subject.name, json.dumps(steps, sort_keys=True)

    def _missing(self) -> dict[str, list[float]]:
        """Return each curve's values to compute, nearest first; the shorter curve comes first and has the point of both."""
        missing = {}
        for knob, position in self.positions.items():
            nearest = sorted(self._values(knob), key=lambda value, position=position: abs(value - position))
            missing[knob] = [value for value in nearest if _points.get(self._point(knob, value)) is None]
        first, second = sorted(missing, key=lambda knob: len(missing[knob]))
        return {first: missing[first], second: [value for value in missing[second] if value != self.positions[second]]}

    def _look_ahead(self) -> None:
        time.sleep(AHEAD_AFTER_S)
        for steps in self._neighbours():
            neighbour = Sketch(self.subject, steps)
            for knob, values in neighbour._missing().items():
                if self._wanted and values and not self.error:
                    neighbour._compute(knob, values, self)
                    self.error = neighbour.error

    def _rest(self, seconds: float) -> None:
        """Leave the interpreter to pages and the cores to runs: for so long, then until none is being drawn or at work."""
        time.sleep(seconds)
        while self._wanted:
            if is_drawing():
                time.sleep(LOOK_AGAIN_S)
            elif _runs_at_work(settings.database_url(), int(time.monotonic() / RUN_LOOK_S)):
                time.sleep(RUN_LOOK_S)
            else:
                return

    def _neighbours(self) -> list[list[dict[str, Any]]]:
        """Return the steps after every move of one slider, by how far along its track that is."""
        moves = []
        for place, step in enumerate(self.steps):
            for knob in (_knobs(step)[name] for name in VALUES if name in step and not _knobs(step)[name].fixed):
                for number in range(round((knob.high - knob.low) / knob.step) + 1):
                    value = knob.snap(knob.low + number * knob.step)
                    far = abs(value - step[knob.name]) / (knob.high - knob.low)
                    moves.append((far, [*self.steps[:place], {**step, knob.name: value}, *self.steps[place + 1 :]]))
        return [steps for _far, steps in sorted(moves, key=lambda move: move[0])]

    def _compute(self, knob: str, values: list[float], ahead_for: "Sketch | None" = None) -> None:
        subject, began = self.subject, time.monotonic()
        if not (ahead_for or self)._wanted:
            return
        try:
            with_knob = {"sweep": knob, "values": values, "most_images": subject.images}
            for found in preview(subject.network, self.steps, **with_knob):
                _points.put(self._point(knob, found["value"]), found)
                if ahead_for:
                    ahead_for._rest(time.monotonic() - began)
                    began = time.monotonic()
                if not (ahead_for or self)._wanted:
                    return
        except LabError as error:
            self.error = str(error)
        except Exception:
            _log.exception("The curve over %s of %s could not be computed.", knob, subject.name)
            self.error = _("Some points could not be computed because of an error in the lab; the server's log has the details.")
