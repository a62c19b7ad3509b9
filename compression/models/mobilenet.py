"""Networks built for phones."""

from typing import Annotated

from torch import nn

from compression.catalog import Knob
from compression.models import MODELS
from compression.texts import mark as _

Shape = tuple[int, int, int]


@MODELS.register(
    title=_("MobileNetV2"), source="Sandler et al. 2018, arXiv:1801.04381; torchvision.models.mobilenet_v2", library="torchvision"
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
