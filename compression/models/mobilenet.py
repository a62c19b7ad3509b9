"""Networks built for phones."""

from typing import Annotated

from torch import nn

from compression.catalog import Knob
from compression.models import MODELS
from compression.texts import mark as _

Shape = tuple[int, int, int]
BLOCKS = (1, 2, 3, 4, 3, 3, 1)  # in each stage, table 2 of the paper
WHOLE = {"conv_pw": "0.0", "bn1": "0.1", "conv_dw": "1.0", "bn2": "1.1", "conv_pwl": "2", "bn3": "3"}
FIRST = {"conv_dw": "0.0", "bn1": "0.1", "conv_pw": "1", "bn2": "2"}  # the first block does not widen what it is given


def _as_timm(width: float) -> dict[str, str]:
    """Return torchvision's names of layers, which are ours, by timm's."""
    last = 1 + sum(BLOCKS)
    names = {"conv_stem": "features.0.0", "bn1": "features.0.1", "classifier": "classifier.1"}
    names |= {"conv_head": f"features.{last}.0", "bn2": f"features.{last}.1"}
    places = [f"blocks.{stage}.{block}" for stage, count in enumerate(BLOCKS) for block in range(count)]
    for place, there in enumerate(places, 1):
        inner = WHOLE if place > 1 else FIRST
        names |= {f"{there}.{other}": f"features.{place}.conv.{own}" for other, own in inner.items()}
    return names


@MODELS.register(
    title=_("MobileNetV2"),
    source="Sandler et al. 2018, arXiv:1801.04381; torchvision.models.mobilenet_v2",
    library="torchvision",
    also_named=_as_timm,
    imagenet={"weights": "MobileNet_V2_Weights.IMAGENET1K_V1", "megabytes": 14},
)
def mobilenet_v2(
    shape: Shape,
    classes: int,
    *,
    width: Annotated[float, Knob(_("How many times the paper's filters each layer has"), low=0.25, high=2, step=0.25)] = 1.0,
) -> nn.Module:
    """Torchvision's MobileNetV2 whose first layer keeps the size of a small image."""
    import torchvision

    model = torchvision.models.mobilenet_v2(weights=None, num_classes=classes, width_mult=width)
    stem = model.features[0][0]
    model.features[0][0] = nn.Conv2d(shape[0], stem.out_channels, 3, 1, 1, bias=False)
    nn.init.kaiming_normal_(model.features[0][0].weight, mode="fan_out")
    return model
