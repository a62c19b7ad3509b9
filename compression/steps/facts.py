"""The facts of a network's layers that pruning criteria ask for: gradients, input norms, scales of norms."""

import copy
import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from compression.data.arrays import Dataset
from compression.errors import DataError
from compression.evaluation import evaluating
from compression.observers.fake_quantize import set_activation_grids
from compression.pruning import PRUNING
from compression.pruning.layer_facts import MOST_IMAGES, Gradient, LayerFacts
from compression.steps.channels import COMPRESSIBLE, following_norms
from compression.steps.state import State, compressible
from compression.tasks import task
from compression.texts import gettext as _


def score(state: State, criterion: str | Mapping[str, Any]) -> dict[str, Tensor]:
    """Return what a criterion gives the weights of each layer, by parameter name in the order of the layers.

    Weights, and the network that facts come from, are as they were before rounding, so that quantizing first changes nothing.

    Args:
        criterion: a name, or `{"name": …, knobs}`.

    Raises:
        DataError: the criterion needs training images and there are none, or the weights are not finite numbers.
    """
    entry = PRUNING[criterion if isinstance(criterion, str) else criterion["name"]]
    rule = PRUNING.bind(criterion)
    return {name: rule(facts) for name, facts in layer_facts(state, entry.traits.get("needs", ())).items()}


def layer_facts(state: State, needs: Collection[str]) -> dict[str, LayerFacts]:
    """Return the facts of each layer; of those that have to be computed the ones named in `needs`, when asked for."""
    weights = state.unrounded()
    for name, weight in weights.items():
        if not torch.isfinite(weight).all():
            sentence = _("The weights of {layer} are not all finite numbers, so they cannot be pruned.")
            raise DataError(sentence.format(layer=name))
    found = _Facts(state, weights)
    return {
        name: LayerFacts(name, weight, **{need: functools.partial(getattr(found, need), name) for need in needs})
        for name, weight in weights.items()
    }


@dataclass
class _Facts:
    state: State
    weights: Mapping[str, Tensor]
    known: dict[Any, dict[str, Any]] = field(default_factory=dict)

    def gradient(self, name: str, images: int, batch_size: int) -> Gradient:
        if ("gradient", images, batch_size) not in self.known:
            inputs, labels = self._images(images)
            self.known["gradient", images, batch_size] = _gradients(self.model, self.data, inputs, labels, batch_size)
        return self.known["gradient", images, batch_size][name]

    def input_norm(self, name: str, images: int) -> Tensor:
        if ("input_norm", images) not in self.known:
            inputs, _labels = self._images(images)
            self.known["input_norm", images] = _input_norms(self.model, self.data.normalize(inputs))
        return self.known["input_norm", images][name]

    def norm_scale(self, name: str) -> Tensor:
        scales = [norm.weight for norm in following_norms(self.model).get(name, []) if norm.weight is not None]
        return scales[0].detach() if scales else self.weights[name].new_ones(len(self.weights[name]))

    @functools.cached_property
    def model(self) -> nn.Module:
        """A copy with weights and inputs before rounding, so that neither its gradients nor its statistics reach the network."""
        scratch, masks = State(copy.deepcopy(self.state.model).requires_grad_(True)), self.state.masks
        scratch.write({name: one * masks[name] if name in masks else one for name, one in self.weights.items()})
        set_activation_grids(scratch.model, {})
        return scratch.model

    @property
    def data(self) -> Dataset:
        if self.state.data is None or not len(self.state.data.train):
            raise DataError(_("This pruning criterion needs training images, and there are none here: choose magnitude."))
        return self.state.data

    def _images(self, images: int) -> tuple[Tensor, Tensor]:
        if images > MOST_IMAGES:
            raise ValueError(f"a criterion may ask for {MOST_IMAGES} images, not {images}")
        return self.data.train.inputs[:images], self.data.train.labels[:images]


def _gradients(model: nn.Module, data: Dataset, inputs: Tensor, labels: Tensor, batch_size: int) -> dict[str, Gradient]:
    """Return the gradient of each layer's weight; in evaluation mode, so that the statistics of norms stay what they are."""
    parameters, loss = compressible(model), task(data.task).loss
    sums = {name: (torch.zeros_like(one), torch.zeros_like(one)) for name, one in parameters.items()}
    with evaluating(model), torch.enable_grad():
        for batch, answers in zip(inputs.split(batch_size), labels.split(batch_size), strict=True):
            value = loss(model(data.normalize(batch)), answers)
            gradients = torch.autograd.grad(value, list(parameters.values()))
            share = len(batch) / len(inputs)
            for (mean, mean_square), gradient in zip(sums.values(), gradients, strict=True):
                mean.add_(gradient, alpha=share)
                mean_square.add_(gradient.square(), alpha=share)
    return {name: Gradient(*means) for name, means in sums.items()}


def _input_norms(model: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
    """Return the L2 norm of each input feature of each layer, shaped to broadcast over its weight."""
    names = {id(parameter): name for name, parameter in compressible(model).items()}
    squares: dict[str, Tensor] = {}

    def note(layer: nn.Module, given: tuple[Tensor, ...], _answer: Tensor) -> None:
        name, features = names[id(layer.weight)], -1 if isinstance(layer, nn.Linear) else 1
        total = given[0].square().movedim(features, 0).flatten(1).sum(1)
        groups = getattr(layer, "groups", 1)
        total = total.view(groups, -1).repeat_interleave(len(layer.weight) // groups if groups > 1 else 1, 0)
        squares[name] = squares.get(name, 0) + total.view(*total.shape, *[1] * (layer.weight.dim() - 2))

    hooks = [module.register_forward_hook(note) for module in model.modules() if isinstance(module, COMPRESSIBLE)]
    try:
        with evaluating(model), torch.no_grad():
            model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: total.sqrt() for name, total in squares.items()}
