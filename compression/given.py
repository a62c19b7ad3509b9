"""Networks that are not trained from scratch: those of earlier runs, and those whose weights a file brings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from compression import networks
from compression.data import DATASETS
from compression.data.arrays import Dataset
from compression.errors import DataError
from compression.export import weights
from compression.features import layout_of
from compression.models import NEW_CLASSIFIER, WEIGHTS, architecture_of
from compression.networks import Workspace
from compression.own_weights import fit, storage
from compression.own_weights.fit import MOST_NAMES_TOLD, Fit, new_classifier
from compression.own_weights.header import Header, read_header
from compression.own_weights.told import Told, told
from compression.texts import gettext as _


@dataclass(frozen=True)
class Start:
    """A network as its training begins, or, where it is given, as it stays.

    Attributes:
        data: the dataset, normalized as the network takes its inputs.
        facts: what its file will say of it; see `networks.facts_of`.
    """

    model: nn.Module
    data: Dataset
    facts: dict[str, Any]


def is_given(choice: Mapping[str, Any]) -> bool:
    """Tell whether a chosen network is there already, by an earlier run or in a file, and is not trained on."""
    return "run" in choice or (WEIGHTS in choice and not choice.get(NEW_CLASSIFIER))


def find(choice: dict[str, Any], dataset: dict[str, Any], data: Dataset, workspace: Workspace) -> Path:
    """Return the file, as the lab writes them, of a network that is given.

    Args:
        dataset: the dataset's choice, as the spec has it.

    Raises:
        NotFoundError: it is not there (any more).
        DataError: what the file brings does not fit the network or the dataset.
    """
    if "run" in choice:
        return networks.find_artifact(choice, workspace)
    path = workspace.models / f"{networks.cache_key(dataset, choice, {}, 0)}{weights.SUFFIX}"
    if not path.exists():
        start = begin(choice, data, workspace, seed=0)
        path.parent.mkdir(parents=True, exist_ok=True)
        weights.save(path, start.model.eval(), start.facts)
    return path


def begin(choice: dict[str, Any], data: Dataset, workspace: Workspace, *, seed: int) -> Start:
    """Return a network of an architecture as its seed, or the file that the choice names, begins it, on the CPU.

    Raises:
        NotFoundError, DataError: as `find`.
    """
    model = networks.build(choice, data, seed=seed)
    if WEIGHTS not in choice:
        return Start(model, data, networks.facts_of(choice, data))
    content = storage.find(choice[WEIGHTS], workspace.weights).read_bytes()
    said, filled = _checked(read_header(content), choice, data.name, data.split_seed)
    fit.fill(model, storage.read_tensors(content), filled)
    if said.mean is not None and said.std is not None:
        data = data.normalized_with(said.mean, said.std)
    facts = networks.facts_of(architecture_of(choice), data, weights=_provenance(choice, said, filled))
    return Start(model, data, facts)


def check(choice: dict[str, Any], dataset: dict[str, Any], workspace: Workspace) -> None:
    """Make sure that a network of an earlier run or of a file is there and fits a dataset, which is not read.

    Args:
        dataset: `name` and `split_seed`.

    Raises:
        NotFoundError, DataError: as `find`.
    """
    if "run" in choice:
        networks.check_reference(choice, dataset, workspace)
    elif WEIGHTS in choice:
        fitted(choice, dataset, workspace)


def fitted(choice: Mapping[str, Any], dataset: Mapping[str, Any], workspace: Workspace) -> tuple[Told, Fit]:
    """Return what the file of a network says of it, and how its tensors fill the network; as `check`."""
    return _checked(header_of(choice[WEIGHTS], workspace), choice, dataset["name"], dataset["split_seed"])


def header_of(name: str, workspace: Workspace) -> Header:
    """Return what a stored file of weights holds.

    Raises:
        NotFoundError: it is not there (any more).
    """
    return read_header(storage.find(name, workspace.weights).read_bytes())


def _checked(header: Header, choice: Mapping[str, Any], dataset: str, split_seed: int) -> tuple[Told, Fit]:
    said, traits = told(header.metadata), DATASETS[dataset].traits
    if said.mean is not None and len(said.mean) != traits["shape"][0]:
        sentence = _("The file is of a network for images with {there} channels; those of {dataset} have {here}.")
        raise DataError(sentence.format(there=len(said.mean), here=traits["shape"][0], dataset=dataset))
    if said.dataset == dataset and said.split_seed is not None:
        networks.check_split({"split_seed": said.split_seed}, _("the file"), split_seed)
    own = tuple(traits.get("class_names", ()))
    if own and said.class_names and said.class_names != own and not choice.get(NEW_CLASSIFIER):
        sentence = _("The file says that its network tells other classes apart ({names})")
        raise DataError(new_classifier(sentence.format(names=", ".join(said.class_names[:MOST_NAMES_TOLD]))))
    return said, _fit(header, choice, dataset)


def _fit(header: Header, choice: Mapping[str, Any], dataset: str) -> Fit:
    architecture, traits = architecture_of(choice), DATASETS[dataset].traits
    with torch.device("meta"):  # no memory is taken and nothing is computed
        model = networks.construct(architecture, traits["shape"], traits["classes"])
    new = bool(choice.get(NEW_CLASSIFIER))
    return fit.fit(header.tensors, model, architecture, layout_of(architecture, dataset).classifier, new=new)


def _provenance(choice: Mapping[str, Any], said: Told, filled: Fit) -> dict[str, Any]:
    """Return what a network's file says of the file that its weights came from."""
    return {
        "file": choice[WEIGHTS],
        "tensors": len(filled.names),
        "renamed": filled.renamed,
        "converted": list(filled.converted),
        "normalization": "dataset" if said.mean is None else "file",
        "new_classifier": bool(choice.get(NEW_CLASSIFIER)),
    }
