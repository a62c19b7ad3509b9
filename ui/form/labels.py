"""What knobs and their options are called on screen."""

from collections.abc import Callable

from compression.catalog import Knob
from compression.texts import gettext as _
from compression.texts import mark

LABELS = {
    "lr": mark("Learning rate"),
    "temperature": mark("Temperature T"),
    "alpha": mark("Alpha α"),
    "group": mark("Scales"),
    "clip": mark("Grid ends at"),
    "hidden": mark("Hidden units"),
    "batch_size": mark("Batch size"),
    "weight_decay": mark("Weight decay"),
}
SHARES = ("sparsity",)  # ratios that people read in percent
OPTIONS = {
    ("granularity", "weight"): mark("Single weights"),
    ("granularity", "channel"): mark("Whole channels"),
    ("scope", "global"): mark("Whole network"),
    ("scope", "layer"): mark("Each layer"),
    ("scheme", "symmetric"): mark("Symmetric"),
    ("scheme", "asymmetric"): mark("Asymmetric"),
    ("clip", "mse"): mark("Least squared error"),
    ("clip", "minmax"): mark("Largest weight"),
    ("group", "tensor"): mark("One per layer"),
    ("group", "channel"): mark("One per channel"),
}


def label_of(knob: Knob) -> str:
    """Return a knob's name for people."""
    return _(LABELS[knob.name]) if knob.name in LABELS else _(knob.name.replace("_", " ").capitalize())


def title_of(knob: Knob) -> Callable[[str], str]:
    """Return what shows a choice's options to people: a registry's titles, or the option's own words."""
    if knob.registry is not None:
        return lambda name: _(knob.registry[name].title)
    return lambda name: _(OPTIONS.get((knob.name, name)) or str(name).replace("_", " "))
