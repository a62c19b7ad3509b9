"""The optimizers of a recipe: torch's fused kernels, without the compiler that the classes of `torch.optim` import."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from compression.recipe import Recipe

BETAS, EPSILON = (0.9, 0.999), 1e-8
WARMUP_SHARE = 0.3

State = dict[str, Tensor | None]


class Optimizer:
    """Stochastic gradient descent with Nesterov momentum, Adam or AdamW.

    The steps are bit-equal to those of `torch.optim`'s classes with `fused=True`, and so is what `state_dict` holds. Biases and
    norms are not pulled towards zero (He et al. 2019, arXiv:1812.01187).

    Args:
        model: whose trainable parameters change.

    Attributes:
        lr: of the steps to come.
    """

    def __init__(self, model: nn.Module, recipe: Recipe) -> None:
        self.kind, self.momentum, self.lr = recipe.optimizer, recipe.momentum, recipe.lr
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        weights = [parameter for parameter in trained if parameter.ndim > 1]
        others = [parameter for parameter in trained if parameter.ndim <= 1]
        self.groups = [pair for pair in ((weights, recipe.weight_decay), (others, 0.0)) if pair[0]]
        self.states: dict[Tensor, State] = {}

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameters, _decay in self.groups:
            for parameter in parameters:
                parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter that has a gradient."""
        for parameters, weight_decay in self.groups:
            moved = [parameter for parameter in parameters if parameter.grad is not None]
            if moved and self.kind == "sgd":
                self._descend(moved, weight_decay)
            elif moved:
                self._adapt(moved, weight_decay)

    def _descend(self, moved: list[Tensor], weight_decay: float) -> None:
        velocities = [self.states.get(parameter, {}).get("momentum_buffer") for parameter in moved]
        sgd(
            moved,
            [parameter.grad for parameter in moved],
            velocities,
            fused=True,
            foreach=False,
            lr=self.lr,
            weight_decay=weight_decay,
            momentum=self.momentum,
            dampening=0,
            nesterov=self.momentum > 0,
            maximize=False,
        )
        for parameter, velocity in zip(moved, velocities, strict=True):
            self.states[parameter] = {"momentum_buffer": velocity}

    def _adapt(self, moved: list[Tensor], weight_decay: float) -> None:
        states = [self._averages(parameter) for parameter in moved]
        adam(
            moved,
            [parameter.grad for parameter in moved],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=True,
            foreach=False,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=self.lr,
            weight_decay=weight_decay,
            eps=EPSILON,
            maximize=False,
            decoupled_weight_decay=self.kind == "adamw",
        )

    def _averages(self, parameter: Tensor) -> State:
        if parameter not in self.states:
            count = torch.zeros((), dtype=torch.float32, device=parameter.device)
            averages = {"exp_avg": torch.zeros_like(parameter), "exp_avg_sq": torch.zeros_like(parameter)}
            self.states[parameter] = {"step": count, **averages}
        return self.states[parameter]

    def state_dict(self) -> dict[str, Any]:
        """Return what goes on from here: the state of each parameter by its position, and the positions of each group."""
        places = self._places()
        groups = [{"params": [places[parameter] for parameter in parameters]} for parameters, _decay in self.groups]
        return {"state": {places[parameter]: state for parameter, state in self.states.items()}, "param_groups": groups}

    def load_state_dict(self, content: dict[str, Any]) -> None:
        """Take what `state_dict` returned.

        Raises:
            ValueError: it belongs to other parameters.
        """
        places = self._places()
        if [group["params"] for group in content["param_groups"]] != [
            group["params"] for group in self.state_dict()["param_groups"]
        ]:
            raise ValueError("the state is that of other parameters")
        self.states = {parameter: content["state"][place] for parameter, place in places.items() if place in content["state"]}

    def _places(self) -> dict[Tensor, int]:
        return {parameter: place for place, parameter in enumerate(p for parameters, _decay in self.groups for p in parameters)}


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """Return the learning rate of a step (0-based) out of all steps.

    `onecycle` rises in a line over the first 30 % and falls along a cosine (Smith & Topin 2018, arXiv:1708.07120);
    `cosine` falls from the start (Loshchilov & Hutter 2017, arXiv:1608.03983). Both reach zero after the last step, which
    therefore still learns.
    """
    position = step / steps
    if recipe.schedule == "constant":
        return recipe.lr
    warmup = WARMUP_SHARE if recipe.schedule == "onecycle" else 0.0
    if position < warmup:
        return recipe.lr * (0.04 + 0.96 * position / warmup)
    fall = (position - warmup) / (1 - warmup)
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * fall))
