"""The step that prunes while it trains."""

import copy
from collections.abc import Generator, Mapping
from typing import Annotated, Any

import torch
from torch import Tensor

from compression.catalog import Knob
from compression.distillation import DISTILLATION
from compression.evaluation import evaluate
from compression.hooks import Stop
from compression.pruning import PRUNING
from compression.pruning.masks import Granularity, Scope
from compression.steps import STEPS
from compression.steps.channels import channel_parameters
from compression.steps.in_force import Constraints, in_force
from compression.steps.prune import order
from compression.steps.state import State
from compression.targets import TARGETS
from compression.targets.reached import Reached
from compression.texts import mark as _


@STEPS.register(title=_("Prune gradually"), source="Zhu & Gupta 2017, arXiv:1710.01878, section 3", trains=True, at_once="prune")
def gradual(
    state: State,
    *,
    criterion: Annotated[str | dict, Knob(_("What decides which weights matter"), registry=PRUNING)] = "magnitude",
    sparsity: Annotated[
        float, Knob(_("Share of the weights, or of the channels, that is zero at the end"), low=0, high=0.99, step=0.01)
    ] = 0.8,
    granularity: Annotated[
        Granularity, Knob(_("Single weights anywhere, or whole output channels (the output layer keeps all of its)"))
    ] = "weight",
    scope: Annotated[Scope, Knob(_("Share of the whole network, or of every layer"))] = "global",
    epochs: Annotated[int, Knob(_("Passes over the training images"), low=1, high=300, step=1, unit="epochs")] = 10,
    lr: Annotated[float, Knob(_("Learning rate: the size of a step"), low=1e-5, high=2)] = 0.05,
    ramp: Annotated[
        float,
        Knob(_("Share of the training in which sparsity rises; then it recovers"), low=0.05, high=1, step=0.05),
    ] = 0.75,
    updates: Annotated[int, Knob(_("How often the weights to remove are chosen anew meanwhile"), low=1, high=100, step=1)] = 20,
    until: Annotated[dict | None, Knob(_("What ends the step before its last epoch"), registry=TARGETS)] = None,
    loss: Annotated[
        dict | None,
        Knob(_("A distillation loss with the original network as the teacher, or the labels alone"), registry=DISTILLATION),
    ] = None,
) -> Generator[Any, None, Any]:
    """Prunes a little more with every update while the network trains, fast at first and ever slower.

    Each update chooses anew among all weights, as they are beneath the mask: one that was removed may come back. What earlier
    steps removed stays removed, and levels stay in force.

    Differs: weight decay and momentum go on moving removed weights a little.

    Raises:
        DataError: weights that are not finite numbers, or a criterion that needs training images where there are none.
    """
    pruning = {"criterion": criterion, "granularity": granularity, "scope": scope}
    run = _Gradual(state, pruning, until, final=sparsity, ramp=ramp, updates=updates)
    return (yield from run.train({"epochs": epochs, "lr": lr}, loss))


def cubic(initial: float, final: float, progress: float) -> float:
    """Return the sparsity at a share, 0 to 1, of the way from the initial to the final one (Zhu & Gupta 2017, equation 1)."""
    return final + (initial - final) * (1 - progress) ** 3


def update_steps(steps: int, ramp: float, updates: int) -> dict[int, float]:
    """Return at which steps of a training, counted from 1, masks are chosen anew, and how much of the way is behind them then."""
    last = max(1, round(ramp * steps))
    return {max(1, round(last * number / updates)): number / updates for number in range(1, updates + 1)}


class _Gradual:
    """One training's masks: `scratch` is a state with the network as it is now, since the one that trains is parametrized."""

    def __init__(
        self, state: State, pruning: dict[str, Any], until: Mapping[str, Any] | None, *, final: float, ramp: float, updates: int
    ) -> None:
        self.state, self.pruning, self.until = state, pruning, until
        self.final, self.ramp, self.updates = final, ramp, updates
        self.earlier = dict(state.masks)
        self.accuracy = evaluate(state.model, state.data)["val_accuracy"] if until else 0.0
        followers = channel_parameters(state.model) if pruning["granularity"] == "channel" else {}
        parameters = dict(state.model.named_parameters())
        names = [*state.weights(), *(other for others in followers.values() for other in others)]
        whole = {name: torch.ones_like(parameters[name], dtype=torch.bool) for name in names}
        self.scratch = State(copy.deepcopy(state.model), data=state.data, quantized=dict(state.quantized))
        state.masks = {**whole, **state.masks}
        self.initial = self.sparsity(self.earlier)
        self.constraints: Constraints
        self.stopped: dict[str, Any] | None = None

    def train(self, changes: dict[str, Any], loss: dict[str, Any] | None) -> Generator[Any, None, Any]:
        """Yield the events of the training; then the masks in force are the state's, and it knows where a target stopped it."""
        state, hooks = self.state, {"after_step": self.after_step, "stop_when": self.stop_when if self.until else None}
        with in_force(state, moving=True) as self.constraints:
            ended = yield from state.train(changes, objective=loss, **hooks)
            if self.stopped:
                state.stopped = {**self.stopped, "sparsity": round(self.sparsity(), 4)}
        state.masks = {name: mask for name, mask in state.masks.items() if mask.dim() > 1 or not mask.all()}
        return ended

    def sparsity(self, masks: Mapping[str, Tensor] | None = None) -> float:
        """Return the share of the weights that masks remove, by default those in force."""
        masks, weights = self.constraints.masks if masks is None else masks, self.scratch.weights()
        removed = sum(int((~masks[name]).sum()) for name in weights if name in masks)
        return removed / sum(weight.numel() for weight in weights.values())

    def after_step(self, step: int, steps: int) -> None:
        """Choose masks anew where it is time."""
        progress = update_steps(steps, self.ramp, self.updates).get(step)
        if progress is None:
            return
        self._refresh()
        ranking = order(self.scratch, earlier=self.earlier, **self.pruning)
        masks = ranking.masks(cubic(self.initial, self.final, progress))
        for name, mask in self.constraints.masks.items():
            mask.copy_(masks.get(name, self.earlier.get(name, torch.ones_like(mask))))

    def stop_when(self, epoch: int, values: Mapping[str, float]) -> Stop | None:
        """Ask the target."""
        reached = Reached(values["val_accuracy"], self.accuracy, lambda: self._file_bytes(epoch), epoch)
        stop = TARGETS.bind(self.until)(reached)
        if stop:
            self.stopped = self._standing(epoch if stop == "here" else epoch - 1) | {"epochs": epoch}
        return stop

    def _standing(self, epoch: int) -> dict[str, Any]:
        return {"epoch": epoch, "epochs": epoch, "until": self.until["name"], "sparsity": round(self.sparsity(), 4)}

    def _file_bytes(self, epoch: int) -> int:
        masks = self._refresh()
        weights = {name: one.masked_fill(~masks[name], 0) for name, one in self._trained().items()}
        levels = {name: held.nearest(weights[name]) for name, held in self.scratch.quantized.items()}
        self.scratch.write(weights | {name: held.dequantize() for name, held in levels.items()})
        latent = {name: weights[name] for name in levels}
        now = State(self.scratch.model, masks, levels, latent, data=self.state.data, edits=self.state.edits)
        return self.state.file_bytes(now, {"stopped": self._standing(epoch)})

    def _trained(self) -> dict[str, Tensor]:
        return {name: parameter.detach() for name, parameter in self.constraints.trained.items()}

    def _refresh(self) -> dict[str, Tensor]:
        """Set the scratch network to the one that trains, with its unpruned weights beneath the masks; return these."""
        now, own, trained = self.state.model.state_dict(), self.scratch.model.state_dict(), self._trained()
        for name in own.keys() & now.keys():
            own[name].copy_(now[name])
        self.scratch.write(trained)
        self.scratch.masks = dict(self.constraints.masks)
        self.scratch.latent = {name: trained[name] for name in self.scratch.weights()}
        return self.scratch.masks
