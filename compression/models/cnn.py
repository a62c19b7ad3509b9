"""Plain convolutional networks."""

from typing import Annotated

from torch import nn

from compression.catalog import Knob
from compression.models import MODELS
from compression.texts import mark as _

Shape = tuple[int, int, int]
SMALLEST_MAP = 8
LENET_SIDE = 28


def _block(fan_in: int, fan_out: int, side: int) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Conv2d(fan_in, fan_out, 3, padding=1), nn.BatchNorm2d(fan_out), nn.ReLU()]
    return [*layers, nn.MaxPool2d(2)] if side > SMALLEST_MAP else layers


@MODELS.register(title=_("CNN"), source="Simonyan & Zisserman 2015, arXiv:1409.1556; Ioffe & Szegedy 2015, arXiv:1502.03167")
def cnn(
    shape: Shape,
    classes: int,
    *,
    width: Annotated[int, Knob(_("Filters of the first layer; the next two have 2 and 4 times as many"), low=1, high=128)] = 16,
) -> nn.Module:
    """Three 3x3 convolutions with batch norm, then the average over the image, then one linear layer.

    Feature maps larger than 8 pixels are halved after the first and the second convolution.
    """
    channels, side, _width = shape
    layers: list[nn.Module] = []
    fan_in = channels
    for multiple in (1, 2, 4):
        layers += _block(fan_in, multiple * width, side if multiple < 4 else 0)
        side = side // 2 if side > SMALLEST_MAP and multiple < 4 else side
        fan_in = multiple * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(fan_in, classes))


@MODELS.register(
    title=_("LeNet-5 (Caffe)"), source="LeCun et al. 1998, Proc. IEEE 86; 20-50-500 as in Han et al. 2016, arXiv:1510.00149"
)
def lenet5(shape: Shape, classes: int) -> nn.Module:
    """Two 5x5 convolutions of 20 and 50 filters, then 500 units: 431,080 parameters on 28x28 grey images.

    Smaller images are enlarged to 28x28 first, since two unpadded 5x5 convolutions leave nothing of them.
    """
    channels, height, width = shape
    enlarge: list[nn.Module] = []
    if min(height, width) < LENET_SIDE:
        height = width = LENET_SIDE
        enlarge = [nn.Upsample(size=(LENET_SIDE, LENET_SIDE), mode="bilinear", align_corners=False)]
    features = nn.Sequential(
        *enlarge, nn.Conv2d(channels, 20, 5), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2), nn.Flatten()
    )
    rows, columns = (((side - 4) // 2 - 4) // 2 for side in (height, width))
    return nn.Sequential(features, nn.Linear(50 * rows * columns, 500), nn.ReLU(), nn.Linear(500, classes))
