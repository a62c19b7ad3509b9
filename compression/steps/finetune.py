"""The fine-tuning step."""

from collections.abc import Generator
from typing import Annotated, Any

from compression.catalog import Knob
from compression.distillation import DISTILLATION
from compression.steps import STEPS
from compression.steps.in_force import in_force
from compression.steps.state import State
from compression.texts import mark as _


@STEPS.register(
    title=_("Fine-tune"),
    source="Han et al. 2015, arXiv:1506.02626, section 3; Bengio, Léonard & Courville 2013, arXiv:1308.3432, section 4",
    trains=True,
)
def finetune(
    state: State,
    *,
    epochs: Annotated[int, Knob(_("Passes over the training images"), low=1, high=300, step=1, unit="epochs")] = 5,
    lr: Annotated[float, Knob(_("Learning rate: the size of a step"), low=1e-5, high=2)] = 0.01,
    loss: Annotated[
        dict | None,
        Knob(_("A distillation loss with the original network as the teacher, or the labels alone"), registry=DISTILLATION),
    ] = None,
) -> Generator[Any, None, Any]:
    """Trains on, with what earlier steps did in force: pruned weights stay zero, quantized ones on their grid.

    The gradient passes through the rounding unchanged, and stops where a weight lies beyond the grid's ends.
    """
    with in_force(state):
        return (yield from state.train({"epochs": epochs, "lr": lr}, objective=loss))
