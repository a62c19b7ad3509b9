"""How long a run will take, before it starts: the trainings that it has still to do, each by what its network costs."""

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from compression import augmentation, networks
from compression.data import DATASETS
from compression.data.load import most_train_images, validation_images
from compression.estimate_losses import comparison
from compression.execute.looks import looks
from compression.execute.shared import shared_baseline
from compression.execute.tuning import tuning_trainings
from compression.exits import exits_seconds
from compression.generated import made_seconds
from compression.given import is_given
from compression.lab import MACS_WORTH_THREADS
from compression.measure.cost import Cost, cost
from compression.models import architecture_of as without_file
from compression.networks import Workspace
from compression.pruning import PRUNING
from compression.pruning.layer_facts import MOST_IMAGES
from compression.recipe import RECIPE, Recipe, outcomes, teacher_recipe
from compression.schemes import before, beside, each_before, made_sizes, parts, teacher_dataset
from compression.spec import CompressSpec, DistillSpec, Spec
from compression.steps import STEPS
from compression.steps.quantize_activations import BATCH as CALIBRATION_BATCH
from compression.teacher import CACHED_BYTES, FLOAT_BYTES

ARCHITECTURES_CACHED = 256
SECONDS_A_RUN = 0.6
SECONDS_A_ROLE = 0.35  # its latency
SECONDS_A_PIXEL = 1.5e-8  # to read the dataset and to normalize it
SECONDS_A_STEP_AND_PARAMETER = 6e-7  # to choose a grid or a mask

Pace = Callable[[dict[str, Any], str], float]


@dataclass(frozen=True)
class Training:
    """One training that a run has still to do.

    Attributes:
        images: how many it learns from.
        loss: the distillation loss, or the list of them; None for the labels alone.
        exits: how many early exits are trained with it at most.
        made: where it learns from made images, `batch`, `steps` and `width` of their generator.
        dataset: what it learns from, where that is not the run's own dataset.
        shared: the name under which runs after this one find what it trained; empty where they do not.
    """

    role: str
    architecture: dict[str, Any]
    recipe: Recipe
    images: int
    loss: Any = None
    exits: int = 0
    made: Mapping[str, int] | None = None
    dataset: str = ""
    shared: str = ""


def predict_seconds(
    spec: Spec, workspace: Workspace, *, device: str = "cpu", pace: Pace = lambda architecture, dataset: 1.0
) -> float:
    """Return how many seconds a run will take, without its dataset and without training.

    Networks that lie in the cache are not trained again, nor are those of `workspace.folder`, where a run goes on.

    Args:
        device: "cpu" or "cuda", with or without a number.
        pace: how many times as long as predicted an architecture's trainings take on a dataset here.
    """
    return sum(seconds for _training, seconds in predict_parts(spec, workspace, device=device, pace=pace))


def predict_parts(spec: Spec, workspace: Workspace, *, device: str, pace: Pace) -> Iterator[tuple[Training | None, float]]:
    """Yield the seconds of everything but training, then each training with its seconds; as `predict_seconds`."""
    yield None, _beside_training(spec, workspace, device)
    for training in trainings(spec, workspace):
        factor = pace(architecture_of(training.architecture, workspace), training.dataset or spec.dataset["name"])
        yield training, factor * _seconds(spec, training, workspace, device)


def cores(spec: Spec, workspace: Workspace, threads: int) -> int:
    """Return how many CPU cores a run computes with: one, unless its training steps are large enough for several threads."""
    models = [spec.model] if isinstance(spec, CompressSpec) else [spec.student, *beside(spec).values()]
    operations = max(_cost(model, spec.dataset["name"], workspace).macs for model in models)
    for _role, choice, _seed in each_before(spec) if isinstance(spec, DistillSpec) else ():
        operations = max(operations, _cost(choice, teacher_dataset(spec)["name"], workspace).macs)
    return threads if operations * spec.train["batch_size"] >= MACS_WORTH_THREADS else 1


def architecture_of(choice: dict[str, Any], workspace: Workspace) -> dict[str, Any]:
    """Return the name and the knobs of a chosen model, also of one that an earlier run made.

    Raises:
        NotFoundError: that run has no such network.
    """
    return structure_of(choice, workspace)[0]


def structure_of(choice: dict[str, Any], workspace: Workspace) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the architecture of a chosen model, also of one that an earlier run made, and the edits on it.

    Raises:
        NotFoundError: that run has no such network.
        DataError: its file cannot be read.
    """
    return _stored(str(networks.find_artifact(choice, workspace))) if "run" in choice else (without_file(choice), [])


@functools.lru_cache(maxsize=ARCHITECTURES_CACHED)
def _stored(path: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    facts = networks.facts_in(Path(path))
    return facts["architecture"], facts.get("edits", [])


def _cost(choice: dict[str, Any], dataset: str, workspace: Workspace) -> Cost:
    return _cost_of(json.dumps(structure_of(choice, workspace), sort_keys=True), dataset)


@functools.lru_cache(maxsize=ARCHITECTURES_CACHED)
def _cost_of(structure: str, dataset: str) -> Cost:
    traits, (architecture, edits) = DATASETS[dataset].traits, json.loads(structure)
    with torch.device("meta"):  # no memory is taken and nothing is computed
        model = networks.construct(architecture, traits["shape"], traits["classes"], edits)
    return cost(model, traits["shape"])


def trainings(spec: Spec, workspace: Workspace) -> Iterator[Training]:
    """Yield the trainings that a run has still to do."""
    spec = replace(spec, train=outcomes(spec.train)[0])
    yield from _distill_trainings(spec, workspace) if isinstance(spec, DistillSpec) else _compress_trainings(spec, workspace)


def _distill_trainings(spec: DistillSpec, workspace: Workspace) -> Iterator[Training]:
    dataset = teacher_dataset(spec)
    recipe, everything = teacher_recipe(dataset, spec.teacher_train, spec.train), _images(dataset)
    for role, choice, seed in each_before(spec):
        if not _cached(dataset, choice, recipe, seed, workspace):
            key = networks.cache_key(dataset, choice, recipe, seed)
            yield Training(role, choice, RECIPE.bind(recipe)(), everything, dataset=dataset["name"], shared=key)
    roles = ("baseline", "student") if spec.baseline else ("student",)
    images, own = _transferred(spec), RECIPE.bind(spec.train)()
    for role in roles:
        to_do = [seed for seed in spec.seeds if not (workspace.folder / networks.artifact_name(role, seed)).exists()]
        pairs = [(seed, spec.train["lr"]) for seed in to_do]  # where rates are tuned, this one stands for the one to be chosen
        pairs += [(training.seed, training.lr) for training in tuning_trainings(spec, roles) if training.role == role]
        if role == "baseline":
            pairs = [pair for pair in pairs if not shared_baseline(spec, workspace.models, *pair).cached]
        others = beside(spec) if role == "student" else {}
        for pair in pairs:
            key = shared_baseline(spec, workspace.models, *pair).network.stem if role == "baseline" else ""
            loss = spec.loss if role == "student" and before(spec) else None
            made = made_sizes(spec) if role == "student" else {}
            exits = spec.scheme["exits"] if role == "student" and parts(spec) else 0
            yield Training(role, spec.student, own, images, loss=loss, exits=exits, made=made.get(role), shared=key)
            yield from (Training(of, choice, own, images, loss=loss, made=made.get(of)) for of, choice in others.items())


def _compress_trainings(spec: CompressSpec, workspace: Workspace) -> Iterator[Training]:
    own, images = RECIPE.bind(spec.train)(), _images(spec.dataset)
    tuned = [step for step in spec.steps if STEPS[step["name"]].traits.get("trains")]
    for seed in spec.seeds:
        if not _cached(spec.dataset, spec.model, spec.train, seed, workspace):
            key = networks.cache_key(spec.dataset, spec.model, spec.train, seed)
            yield Training("original", spec.model, own, images, shared=key)
        if (workspace.folder / networks.artifact_name("compressed", seed)).exists():
            continue
        for step in tuned:
            recipe = replace(own, epochs=step["epochs"])
            yield Training("compressed", spec.model, recipe, images, loss=step.get("loss"))


def _seconds(spec: Spec, training: Training, workspace: Workspace, device: str) -> float:
    """Return the seconds of a training, of its loss and of its teacher's answers."""
    name = training.dataset or spec.dataset["name"]
    validation = _validation_images(name)
    own = _cost(training.architecture, name, workspace)
    if training.made:
        costs, shape = (own, _cost(spec.teacher, name, workspace)), DATASETS[name].traits["shape"]
        return made_seconds(*costs, training.recipe, training.made, shape, validation_images=validation, device=device)
    seconds = own.training_seconds(training.recipe, images=training.images, validation_images=validation, device=device)
    if training.exits:
        counts = training.exits, training.recipe, training.images
        seconds += exits_seconds(training.architecture, name, *counts, device)
    if training.loss is None:
        return seconds
    teacher, recipe = spec.teacher if isinstance(spec, DistillSpec) else spec.model, training.recipe
    (built, edits), student = structure_of(teacher, workspace), architecture_of(training.architecture, workspace)
    there = teacher_dataset(spec)["name"] if isinstance(spec, DistillSpec) else name
    compared = comparison(training.loss, student, built, name, edits, teacher_dataset=there)
    answers = _cost(teacher, there, workspace).answer_seconds(training.images, device, recipe.batch_size)
    seconds += recipe.epochs * answers * _new_views(spec, training, device, compared.numbers if compared else 0)
    if compared:
        batch = min(recipe.batch_size, training.images)
        seconds += recipe.epochs * (training.images // batch) * compared.cost.step_seconds(batch, device)
    return seconds


def _new_views(spec: Spec, training: Training, device: str, numbers: int) -> float:
    """Return for which share of the images that a student sees the teacher runs anew: its answer is in no table.

    Args:
        numbers: of the teacher's feature maps of an image, where a loss looks at them.
    """
    traits, most = DATASETS[spec.dataset["name"]].traits, CACHED_BYTES / FLOAT_BYTES
    if training.recipe.augment == "none":
        return float(training.images * numbers > most)
    if numbers:
        return 1.0
    views = augmentation.views(training.recipe.augment, traits["shape"][1])
    in_table = device.startswith("cpu") and training.images * views * traits["classes"] <= most
    return min(1.0, views / looks(spec)) if in_table else 1.0


def _beside_training(spec: Spec, workspace: Workspace, device: str) -> float:
    """Return the seconds of everything but training: data, the teacher's answers, steps, the test, latency."""
    entry, name = DATASETS[spec.dataset["name"]], spec.dataset["name"]
    test, pixels = entry.traits["test_images"], functools.reduce(int.__mul__, entry.traits["shape"])
    seconds = SECONDS_A_RUN + SECONDS_A_PIXEL * pixels * (entry.traits["images"] + test)
    if isinstance(spec, DistillSpec):
        own, seen = 1 + spec.baseline, test + _validation_images(name)
        there = teacher_dataset(spec)["name"]
        own_images = DATASETS[there].traits["test_images"] + _validation_images(there)
        for _role, choice, _seed in each_before(spec):
            seconds += _cost(choice, there, workspace).answer_seconds(own_images + _transferred(spec), device)
        if there != name:
            traits = DATASETS[there].traits
            more = functools.reduce(int.__mul__, traits["shape"]) * (traits["images"] + traits["test_images"])
            seconds += SECONDS_A_PIXEL * more
        for choice, times in [(spec.student, own), *((choice, 1) for choice in beside(spec).values())]:
            seconds += times * len(spec.seeds) * _cost(choice, name, workspace).answer_seconds(seen, device)
        return seconds + (own + len(before(spec)) + len(beside(spec)) + len(parts(spec))) * SECONDS_A_ROLE
    own = _cost(spec.model, name, workspace)
    calibrating = sum(min(step.get("calibration_images", 0), _images(spec.dataset)) for step in spec.steps)
    each = 3 * own.answer_seconds(test + _validation_images(name), device)
    each += 2 * own.answer_seconds(calibrating, device, CALIBRATION_BATCH)  # for the file, and before recovery
    chosen = 2 * SECONDS_A_STEP_AND_PARAMETER * own.parameters * len(spec.steps)
    chosen += sum(_scoring_seconds(step, own, device) for step in spec.steps)
    return seconds + 2 * SECONDS_A_ROLE + len(spec.seeds) * (each + chosen)


def _scoring_seconds(step: dict[str, Any], own: Cost, device: str) -> float:
    """Return the seconds in which a pruning criterion sees training images, as often as the step chooses masks."""
    if "criterion" not in step:
        return 0.0
    criterion = step["criterion"] if isinstance(step["criterion"], dict) else PRUNING.check({"name": step["criterion"]}, "")
    needs, images = PRUNING[criterion["name"]].traits.get("needs", ()), criterion.get("images", MOST_IMAGES)
    seconds = own.step_seconds(images, device) if "gradient" in needs else 0.0
    seconds += own.answer_seconds(images, device) if "input_norm" in needs else 0.0
    return step.get("updates", 1) * seconds


def _cached(dataset: dict[str, Any], choice: dict[str, Any], recipe: dict[str, Any], seed: int, workspace: Workspace) -> bool:
    if is_given(choice):
        return True
    return networks.find_cached(networks.cache_key(dataset, choice, recipe, seed), workspace) is not None


def _images(dataset: dict[str, Any]) -> int:
    most = most_train_images(DATASETS[dataset["name"]])
    return min(dataset["train_images"] or most, most)


def _transferred(spec: DistillSpec) -> int:
    """Return from how many images students learn; classes are taken to be of one size."""
    there, classes = _images(spec.dataset), DATASETS[spec.dataset["name"]].traits["classes"]
    there = there * len(spec.transfer.get("classes", range(classes))) // classes
    return min(spec.transfer["images"] or there, there)


def _validation_images(name: str) -> int:
    return validation_images(DATASETS[name])
