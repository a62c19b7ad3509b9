"""Networks that are built, trained once and kept, or taken from an earlier run."""

import copy
import functools
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from compression.data import DATASETS
from compression.data.arrays import Dataset, Split
from compression.data.own.stored import called
from compression.edits.replay import replay
from compression.errors import DataError, NotFoundError
from compression.evaluation import predict, validate
from compression.export import compact, weights
from compression.models import MODELS, architecture_of
from compression.observers.fake_quantize import from_facts, to_facts
from compression.steps.state import State
from compression.texts import gettext as _

BUNDLED = Path(__file__).resolve().parent.parent / "assets" / "teachers"


@dataclass(frozen=True)
class Workspace:
    """Where one run works.

    Attributes:
        folder: the run's own, for artefacts and checkpoints.
        models: trained networks that runs share.
        runs: the folder of all runs, for networks taken from an earlier one.
        device: a torch device.
    """

    folder: Path
    models: Path
    runs: Path
    device: str = "cpu"

    @property
    def weights(self) -> Path:
        """Return the folder of the files of weights that people brought."""
        return self.models.parent / "weights"


@dataclass(frozen=True)
class Network:
    """A trained network, ready to predict.

    Attributes:
        facts: what its file says of it; see `facts_of`.
        data: the dataset it is used on, with inputs normalized as this network was trained to take them.
        source: its file.
    """

    model: nn.Module
    facts: dict[str, Any]
    data: Dataset
    source: Path

    @property
    def architecture(self) -> dict[str, Any]:
        """Return the name and the knobs of its model."""
        return self.facts["architecture"]

    @functools.cached_property
    def validation_logits(self) -> Tensor:
        """Return its logits (N, K) for the validation images, computed once."""
        return predict(self.model, self.data, self.data.validation.inputs)

    @property
    def validated(self) -> dict[str, float]:
        """Return its `val_loss` and `val_accuracy`."""
        return validate(self.validation_logits, self.data)

    def to(self, device: str) -> "Network":
        """Return it on a device; the data stays where it is."""
        return replace(self, model=self.model.to(device))


def build(architecture: dict[str, Any], dataset: Dataset, *, seed: int) -> nn.Module:
    """Return a network with the weights that its seed gives, on the CPU."""
    torch.manual_seed(seed)
    return construct(architecture, dataset.shape, dataset.classes)


def construct(
    architecture: Mapping[str, Any], shape: Sequence[int], classes: int, edits: Sequence[Mapping[str, Any]] = ()
) -> nn.Module:
    """Return a network of an architecture (`name` and knobs) for inputs of a shape (C, H, W), with edits repeated on it.

    Raises:
        DataError: the edits are no edits of this network; they may be anything.
    """
    model = MODELS[architecture["name"]].bind(architecture_of(architecture))(tuple(shape), classes)
    replay(model, edits)
    return model


def construct_from(facts: Mapping[str, Any], name: str) -> nn.Module:
    """Return the network that a file's facts describe, without the file's weights.

    Args:
        name: the file, for the message.

    Raises:
        DataError: its edits are none of this network.
    """
    try:
        return construct(facts["architecture"], facts["shape"], facts["classes"], facts.get("edits", ()))
    except DataError as error:
        raise DataError(_("The network in {name} cannot be built: {reason}").format(name=name, reason=error)) from error


def cache_key(dataset: dict[str, Any], architecture: dict[str, Any], recipe: dict[str, Any], seed: int) -> str:
    """Return the name under which a trained network is kept: what it learned from, what it is, how, and the seed."""
    facts = {"dataset": dataset, "architecture": architecture, "recipe": recipe, "seed": seed}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


def find_cached(key: str, workspace: Workspace) -> Path | None:
    """Return the file of a network that an earlier run trained or that comes with the lab."""
    for folder in (workspace.models, BUNDLED):
        path = folder / f"{key}.safetensors"
        if path.exists():
            return path
    return None


def artifact_name(role: str, seed: int) -> str:
    """Return the file name of a run's network."""
    return f"{role}-seed{seed}{compact.SUFFIX if role == 'compressed' else '.safetensors'}"


def find_artifact(reference: dict[str, Any], workspace: Workspace) -> Path:
    """Return the file of a network that an earlier run produced, from `run`, `role` and `seed`.

    Raises:
        NotFoundError: that run has no such network.
    """
    path = workspace.runs / reference["run"] / artifact_name(reference["role"], reference["seed"])
    if not path.is_file():
        sentence = _("Run {run} has no file of its {role} of seed {seed} (any more): run it again, or choose another network.")
        raise NotFoundError(sentence.format(**reference))
    return path


def facts_in(path: Path) -> dict[str, Any]:
    """Return what a network's file says of it; see `facts_of`.

    Raises:
        DataError: the file cannot be read.
    """
    return compact.read(path)[0]["metadata"] if path.suffix == compact.SUFFIX else weights.load(path)[1]


def read(path: Path, dataset: Dataset) -> Network:
    """Return the network in a file, ready to predict on a dataset.

    Raises:
        DataError: the file cannot be read, or the network was made for other images or classes, or trained on images that
            are validation images here.
    """
    if path.suffix == compact.SUFFIX:
        header, state = compact.read(path)
        facts = header["metadata"]
    else:
        state, facts = weights.load(path)
    _check_fit(facts, path.name, dataset.name, tuple(dataset.shape), dataset.classes, dataset.split_seed)
    model = construct_from(facts, path.name)
    weights.fill(model, state, path.name)
    try:
        from_facts(model, facts)
    except ValueError as error:
        raise DataError(_("What {name} says of its activations makes no grids of its network.").format(name=path.name)) from error
    # Files written before facts held them were normalized with their own training images; the closest there is are these.
    data = dataset.normalized_with(facts["mean"], facts["std"]) if "mean" in facts else dataset
    return Network(model.eval(), facts, data, path)


def check_reference(reference: dict[str, Any], choice: dict[str, Any], workspace: Workspace) -> None:
    """Make sure that a network of an earlier run is there and can be used on a dataset, which is not read.

    Args:
        reference: `run`, `role` and `seed`.
        choice: the dataset's `name` and `split_seed`.

    Raises:
        NotFoundError: that run has no such network.
        DataError: its file cannot be read, or does not fit the dataset.
    """
    path, traits = find_artifact(reference, workspace), DATASETS[choice["name"]].traits
    facts = compact.read(path)[0]["metadata"] if path.suffix == compact.SUFFIX else weights.load(path)[1]
    _check_fit(facts, path.name, choice["name"], tuple(traits["shape"]), traits["classes"], choice["split_seed"])


def _check_fit(facts: dict[str, Any], name: str, dataset: str, shape: tuple[int, ...], classes: int, split_seed: int) -> None:
    other = facts.get("dataset", _("other data"))
    if tuple(facts.get("shape", ())) != shape or facts.get("classes") != classes or other != dataset:
        sentence = _("The network in {name} was made for {other}, and does not fit {dataset}.")
        raise DataError(sentence.format(name=name, other=called(str(other)), dataset=called(dataset)))
    check_split(facts, name, split_seed)


def check_split(facts: Mapping[str, Any], name: str, split_seed: int) -> None:
    """Make sure that a network learned from none of the validation images, where its file says how they were split.

    Raises:
        DataError: it did.
    """
    if facts.get("split_seed", split_seed) != split_seed:
        sentence = _(
            "The network in {name} was trained with split seed {own}: some of its training images are validation images with"
            " split seed {given}; set dataset.split_seed to {own}."
        )
        raise DataError(sentence.format(name=name, own=facts["split_seed"], given=split_seed))


def facts_of(architecture: dict[str, Any], dataset: Dataset, **more: Any) -> dict[str, Any]:
    """Return what a file of weights says of its network, enough to build it and to use it without this program.

    A network takes float32 inputs (N, C, H, W): pixels from 0 to 255, minus `mean`, divided by `std`, both per channel.
    """
    return {
        "architecture": architecture,
        "dataset": dataset.name,
        "shape": list(dataset.shape),
        "classes": dataset.classes,
        "class_names": list(dataset.class_names),
        "split_seed": dataset.split_seed,
        "mean": dataset.mean.flatten().tolist(),
        "std": dataset.std.flatten().tolist(),
        **more,
    }


def expected_facts(architecture: dict[str, Any], dataset: str) -> dict[str, Any]:
    """Return facts as long as those that a file will hold, before the data is there: for the size of the file."""
    traits = DATASETS[dataset].traits
    channels, number = traits["shape"][0], 77.86312103271484
    nothing = Split(torch.empty(0), torch.empty(0))
    mean = torch.full((1, channels, 1, 1), number)
    named = (dataset, traits["task"], traits["classes"], traits["shape"])
    described = Dataset(*named, nothing, nothing, nothing, mean, mean, tuple(traits["class_names"]))
    return facts_of(architecture, described, convergence=None)


def compressed_facts(original: dict[str, Any], steps: Sequence[Mapping[str, Any]], state: State) -> dict[str, Any]:
    """Return what a state's compact file says of it: the original's facts, the steps since then, edits and rounding of inputs."""
    kept = {key: value for key, value in original.items() if key not in ("convergence", "stopped", "activations")}
    edits = {"edits": [*state.edits]} if state.edits else {}
    return {**kept, "steps": [*original.get("steps", []), *steps], **edits, **to_facts(state.model)}


def state_of(network: Network) -> State:
    """Return what a compression of a network starts from, with the masks and grids of its file; the network is not touched."""
    contents = compact.read_contents(network.source)[1] if network.source.suffix == compact.SUFFIX else {}
    state = State.from_contents(copy.deepcopy(network.model), contents)
    return replace(state, data=network.data, edits=network.facts.get("edits", ()))


def place(source: Path, target: Path) -> None:
    """Make a file appear in another folder as well, sharing the disk's blocks where the file system can."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        os.link(source, partial)
    except OSError:
        shutil.copyfile(source, partial)
    os.replace(partial, target)
