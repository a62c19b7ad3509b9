"""How a network is trained: epochs, batches, optimizer, schedule; the same knobs serve teachers, students and baselines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from compression.catalog import Entry, Knob, read_knobs
from compression.data import DATASETS
from compression.precision import AUTOMATIC, BFLOAT16, FLOAT32
from compression.texts import mark as _


@dataclass(frozen=True)
class Recipe:
    """The settings of one training, checked."""

    epochs: int
    batch_size: int
    lr: float
    optimizer: str
    momentum: float
    schedule: str
    weight_decay: float
    augment: str
    precision: str = FLOAT32


def recipe(
    *,
    epochs: Annotated[int, Knob(_("Passes over the training images"), low=1, high=300, step=1, unit="epochs")] = 20,
    batch_size: Annotated[int, Knob(_("Images per step"), low=8, high=2048, step=8, unit="images")] = 64,
    lr: Annotated[
        float, Knob(_("Learning rate: the size of a step; the highest, where a schedule changes it"), low=1e-5, high=2)
    ] = 0.05,
    optimizer: Annotated[Literal["sgd", "adam", "adamw"], Knob(_("SGD with Nesterov momentum, Adam or AdamW"))] = "sgd",
    momentum: Annotated[
        float, Knob(_("How much of the last step SGD keeps; Adam has its own"), low=0, high=0.99, step=0.01)
    ] = 0.9,
    schedule: Annotated[
        Literal["onecycle", "cosine", "constant"], Knob(_("How the learning rate goes: up then down, down, or level"))
    ] = "onecycle",
    weight_decay: Annotated[float, Knob(_("Pull of the weights towards zero"), low=0, high=0.1)] = 0.0005,
    augment: Annotated[
        Literal["none", "shift", "flip", "shift_flip"],
        Knob(_("Random changes to each image: moved by up to an eighth, mirrored, or both")),
    ] = "none",
    precision: Annotated[
        Literal["float32", "bfloat16", "automatic"],
        Knob(
            _(
                "In which numbers networks compute while they train: float32, exact, or bfloat16, with 3 digits instead of 7,"
                " which is faster on a device made for it and much slower on others. Automatic times both, and takes bfloat16"
                " where it is at least 1.1 times as fast. Weights, losses and all that is measured stay float32"
            ),
            later=True,
        ),
    ] = "float32",
) -> Recipe:
    """Return the recipe with these settings."""
    return Recipe(epochs, batch_size, lr, optimizer, momentum, schedule, weight_decay, augment, precision)


RECIPE = Entry("train", recipe, _("Training"), "", recipe.__doc__ or "", read_knobs(recipe))


def default_recipe(dataset: Entry) -> dict[str, Any]:
    """Return the complete recipe that a dataset's teachers are trained with unless a spec says otherwise."""
    return RECIPE.check(dataset.traits["recipe"], "teacher_train")


def teacher_recipe(
    dataset: dict[str, Any], given: dict[str, Any] | None, train: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the complete recipe of a teacher: the one given, else that of the dataset that a spec names.

    Args:
        train: the student's recipe, since all networks of a run are trained in one precision; float32 without.
    """
    recipe = given if given is not None else default_recipe(DATASETS[dataset["name"]])
    return in_precision(recipe, (train or {}).get("precision", FLOAT32))


def in_precision(recipe: Mapping[str, Any], precision: str) -> dict[str, Any]:
    """Return a complete recipe with another precision."""
    return RECIPE.check({**recipe, "precision": precision}, "train")


def outcomes(recipe: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what a complete recipe can become once its precision is chosen; the first is what forecasts go by."""
    automatic = recipe.get("precision") == AUTOMATIC
    return [in_precision(recipe, precision) for precision in (FLOAT32, BFLOAT16)] if automatic else [dict(recipe)]
