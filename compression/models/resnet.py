"""Residual networks: the CIFAR family, and torchvision's ResNet-18 with a stem for small images and with its own."""

from typing import Annotated, Literal

from torch import Tensor, nn
from torch.nn import functional

from compression.catalog import Knob
from compression.models import MODELS
from compression.texts import mark as _

Shape = tuple[int, int, int]


class Residual(nn.Module):
    """Two 3x3 convolutions with batch norm beside a shortcut that has no parameters.

    Where the block halves the image and widens it, the shortcut takes every second pixel and pads channels with zeros
    (option A of the paper). Input (B, fan_in, H, W), output (B, fan_out, H/stride, W/stride).
    """

    def __init__(self, fan_in: int, fan_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(fan_in, fan_out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(fan_out)
        self.conv2 = nn.Conv2d(fan_out, fan_out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(fan_out)
        self.stride, self.extra = stride, fan_out - fan_in

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the block's output."""
        hidden = functional.relu(self.norm1(self.conv1(inputs)), inplace=True)
        shortcut = inputs[:, :, :: self.stride, :: self.stride] if self.stride > 1 else inputs
        if self.extra:
            before = self.extra // 2
            shortcut = functional.pad(shortcut, (0, 0, 0, 0, before, self.extra - before))
        return functional.relu(self.norm2(self.conv2(hidden)) + shortcut, inplace=True)


def _published(depth: int, width: int) -> dict[str, str]:
    """Return our names of layers by those that published CIFAR ResNets share with torchvision's."""
    blocks = (depth - 2) // 6
    last = str(3 + 3 * blocks + 2)
    names = {"conv1": "0", "bn1": "1", "fc": last, "linear": last}
    for place in range(3 * blocks):
        there, here = f"layer{place // blocks + 1}.{place % blocks}", str(3 + place)
        for own, other in {"conv1": "conv1", "norm1": "bn1", "conv2": "conv2", "norm2": "bn2"}.items():
            names[f"{there}.{other}"] = f"{here}.{own}"
    return names


@MODELS.register(
    title=_("ResNet (CIFAR)"),
    source="He, Zhang, Ren & Sun 2016, arXiv:1512.03385, section 4.2",
    also_named=_published,
)
def resnet(
    shape: Shape,
    classes: int,
    *,
    depth: Annotated[Literal[8, 14, 20, 26, 32, 38, 44, 50, 56], Knob(_("Layers with weights"), unit="layers")] = 20,
    width: Annotated[int, Knob(_("Filters of the first stage; the next two have 2 and 4 times as many"), low=1, high=64)] = 16,
) -> nn.Module:
    """Three stages of residual blocks, each half as large and twice as wide as the one before."""
    layers: list[nn.Module] = [nn.Conv2d(shape[0], width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    fan_in = width
    for stage in range(3):
        for block in range((depth - 2) // 6):
            fan_out = width * 2**stage
            layers.append(Residual(fan_in, fan_out, 2 if stage and not block else 1))
            fan_in = fan_out
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(fan_in, classes))
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return model


@MODELS.register(
    title=_("ResNet-18"), source="He et al. 2016, arXiv:1512.03385; torchvision.models.resnet18", library="torchvision"
)
def resnet18(shape: Shape, classes: int) -> nn.Module:
    """Torchvision's ResNet-18 whose first layer keeps the size of a small image: a 3x3 convolution and no pooling."""
    import torchvision

    model = torchvision.models.resnet18(weights=None, num_classes=classes)
    model.conv1 = nn.Conv2d(shape[0], 64, 3, 1, 1, bias=False)
    nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
    model.maxpool = nn.Identity()
    return model


@MODELS.register(
    title=_("ResNet-18 (ImageNet)"),
    source="He et al. 2016, arXiv:1512.03385, table 1; torchvision.models.resnet18",
    library="torchvision",
    imagenet={"weights": "ResNet18_Weights.IMAGENET1K_V1", "megabytes": 47},
)
def resnet18_imagenet(shape: Shape, classes: int) -> nn.Module:
    """Torchvision's ResNet-18 as it is: a 7x7 convolution with stride 2 and pooling first, which published weights fit."""
    import torchvision

    model = torchvision.models.resnet18(weights=None, num_classes=classes)
    if shape[0] != model.conv1.in_channels:
        model.conv1 = nn.Conv2d(shape[0], 64, 7, 2, 3, bias=False)
        nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
    return model
