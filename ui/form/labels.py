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
    "codebook": mark("Codebooks"),
    "start": mark("Codes begin"),
    "rounds": mark("Most rounds"),
    "images": mark("Training images"),
    "criterion": mark("Criterion"),
    "until": mark("Ends with"),
    "ramp": mark("Sparsity rises for"),
    "method": mark("Levels"),
    "remove": mark("Pruned channels removed"),
    "hidden": mark("Hidden units"),
    "batch_size": mark("Batch size"),
    "weight_decay": mark("Weight decay"),
}
NOTHING = "none"  # of a choice among methods that may be absent
SHARES = ("sparsity", "ramp")  # ratios that people read in percent
OPTIONS = {
    ("granularity", "weight"): mark("Single weights"),
    ("granularity", "channel"): mark("Whole channels"),
    ("scope", "global"): mark("Whole network"),
    ("scope", "layer"): mark("Each layer"),
    ("scheme", "symmetric"): mark("Symmetric"),
    ("scheme", "asymmetric"): mark("Asymmetric"),
    ("clip", "mse"): mark("Least squared error"),
    ("clip", "minmax"): mark("Largest weight"),
    ("until", NOTHING): mark("Its last epoch"),
    ("loss", NOTHING): mark("The labels alone"),
    ("group", "tensor"): mark("One per layer"),
    ("group", "channel"): mark("One per channel"),
    ("group", 16): mark("One per 16 weights"),
    ("group", 32): mark("One per 32 weights"),
    ("group", 64): mark("One per 64 weights"),
    ("group", 128): mark("One per 128 weights"),
    ("group", 256): mark("One per 256 weights"),
    ("codebook", "tensor"): mark("One per layer"),
    ("codebook", "channel"): mark("One per channel"),
    ("precision", "automatic"): mark("Automatic, the faster"),
    ("form", "code"): mark("As in the authors' code"),
    ("form", "paper"): mark("As in the paper"),
    ("weighting", "mean"): mark("All alike"),
    ("weighting", "confidence"): mark("By confidence"),
    ("answers", "soft"): mark("Probabilities (soft)"),
    ("answers", "hard"): mark("Its choice of a class (hard)"),
    ("inherit", "channels"): mark("The strongest channels"),
    ("inherit", "layers"): mark("Layers spread evenly"),
    ("start", "linear"): mark("At even distances"),
    ("start", "density"): mark("With as many weights each"),
}


def label_of(knob: Knob) -> str:
    """Return a knob's name for people."""
    return _(LABELS[knob.name]) if knob.name in LABELS else _(knob.name.replace("_", " ").capitalize())


def title_of(knob: Knob) -> Callable[[str], str]:
    """Return what shows a choice's options to people: a registry's titles, or the option's own words."""
    if knob.registry is not None:
        return lambda name: _(knob.registry[name].title if name in knob.registry else OPTIONS.get((knob.name, name), str(name)))
    return lambda name: _(OPTIONS.get((knob.name, name)) or str(name).replace("_", " "))
