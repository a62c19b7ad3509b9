"""Which tensor of a file is which of a network: by its own names or by published ones, and what does not fit is named."""

import pytest
import safetensors.torch
import torch
import torchvision
from torch import nn
from torch.nn import functional

from compression.errors import DataError
from compression.models import MODELS
from compression.own_weights.fit import fill, fit
from compression.own_weights.header import Found, read_header

RESNET = {"name": "resnet", "depth": 8, "width": 4}
SHAPE, CLASSES = (3, 16, 16), 10


class PublishedBlock(nn.Module):
    """A block of a CIFAR ResNet as it is published, with torchvision's names and a shortcut without parameters."""

    def __init__(self, fan_in, fan_out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(fan_in, fan_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(fan_out)
        self.conv2 = nn.Conv2d(fan_out, fan_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(fan_out)
        self.stride, self.pad = stride, (fan_out - fan_in) // 2

    def forward(self, x):
        out = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(out + functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.pad, self.pad)))


class Published(nn.Module):
    """A CIFAR ResNet as it is published."""

    def __init__(self, depth, width, last):
        super().__init__()
        self.conv1, self.bn1, self.last = nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), last
        fan_in = width
        for stage in range(3):
            blocks = []
            for block in range((depth - 2) // 6):
                blocks.append(PublishedBlock(fan_in, width * 2**stage, 2 if stage and not block else 1))
                fan_in = width * 2**stage
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        setattr(self, last, nn.Linear(fan_in, CLASSES))

    def forward(self, x):
        out = self.layer3(self.layer2(self.layer1(functional.relu(self.bn1(self.conv1(x))))))
        return getattr(self, self.last)(out.mean((2, 3)))


def build(architecture, classes=CLASSES, seed=0):
    torch.manual_seed(seed)
    model = MODELS.bind(architecture)(SHAPE, classes).eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2.0)
    return model


def found(state):
    return read_header(safetensors.torch.save({name: tensor.contiguous() for name, tensor in state.items()})).tensors


def fitted(state, architecture=RESNET, *, new=False, classifier="8"):
    return fit(found(state), build(architecture, seed=1), architecture, classifier, new=new)


@pytest.mark.parametrize("last", ["fc", "linear"])
@pytest.mark.parametrize("depth", [8, 20])
@pytest.mark.parametrize("wrapper", ["", "module.", "model.module.", "_orig_mod."])
def test_a_published_cifar_resnet_answers_the_same_under_our_names(last, depth, wrapper):
    torch.manual_seed(3)
    published = Published(depth, 4, last).eval()
    state = {wrapper + name: tensor for name, tensor in published.state_dict().items()}
    architecture = {**RESNET, "depth": depth}
    model = build(architecture)
    how = fit(found(state), model, architecture, None, new=False)
    fill(model, state, how)
    images = torch.randn(2, *SHAPE)
    assert torch.equal(model(images), published(images))
    assert how.renamed == len(state) == len(model.state_dict())


@pytest.mark.parametrize("name", ["cnn", "lenet5", "lenet300", "mlp", "resnet", "resnet18", "resnet18_imagenet", "mobilenet_v2"])
def test_a_network_of_the_zoo_takes_its_own_weights_under_its_own_names(name):
    architecture = MODELS.check({"name": name}, "model")
    there, here = build(architecture), build(architecture, seed=1)
    how = fit(found(there.state_dict()), here, architecture, None, new=False)
    fill(here, there.state_dict(), how)
    images = torch.randn(2, *SHAPE)
    assert torch.equal(here(images), there(images))
    assert (how.renamed, how.converted, how.left_out) == (0, (), 0)


@pytest.mark.parametrize(
    ("timm", "torchvisions"),
    [
        ("conv_stem.weight", "features.0.0.weight"),
        ("bn1.running_var", "features.0.1.running_var"),
        ("blocks.0.0.conv_dw.weight", "features.1.conv.0.0.weight"),
        ("blocks.0.0.conv_pw.weight", "features.1.conv.1.weight"),
        ("blocks.0.0.bn2.bias", "features.1.conv.2.bias"),
        ("blocks.1.0.conv_pw.weight", "features.2.conv.0.0.weight"),
        ("blocks.1.1.conv_dw.weight", "features.3.conv.1.0.weight"),
        ("blocks.3.3.bn2.weight", "features.10.conv.1.1.weight"),
        ("blocks.6.0.conv_pwl.weight", "features.17.conv.2.weight"),
        ("blocks.6.0.bn3.running_mean", "features.17.conv.3.running_mean"),
        ("conv_head.weight", "features.18.0.weight"),
        ("bn2.weight", "features.18.1.weight"),
        ("classifier.bias", "classifier.1.bias"),
    ],
)
def test_timms_names_of_mobilenet_are_torchvisions(timm, torchvisions):
    names = MODELS["mobilenet_v2"].traits["also_named"](width=1.0)
    layer, _dot, last = timm.rpartition(".")
    assert f"{names[layer]}.{last}" == torchvisions


def test_every_layer_of_mobilenet_has_one_name_in_timm():
    names = MODELS["mobilenet_v2"].traits["also_named"](width=0.5)
    architecture = {"name": "mobilenet_v2", "width": 0.5}
    there = build(architecture)
    back = {own: other for other, own in names.items()}
    state = {f"{back[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": tensor for name, tensor in there.state_dict().items()}
    assert len(back) == len(names)
    assert fit(found(state), build(architecture), architecture, None, new=False).renamed == len(state)


def test_counters_of_batches_may_be_missing():
    there, here = build(RESNET), build(RESNET, seed=1)
    state = {name: tensor for name, tensor in there.state_dict().items() if not name.endswith("num_batches_tracked")}
    fill(here, state, fit(found(state), here, RESNET, None, new=False))
    images = torch.randn(2, *SHAPE)
    assert torch.equal(here(images), there(images))


def test_types_that_become_float32_are_told():
    state = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in build(RESNET).state_dict().items()}
    assert fitted(state).converted == ("F16",)


def test_a_new_classifier_stays_as_its_seed_made_it_and_all_else_comes_from_the_file():
    there, here = build(RESNET, classes=7), build(RESNET, seed=1)
    before = here.state_dict()["8.weight"].clone()
    how = fit(found(there.state_dict()), here, RESNET, "8", new=True)
    fill(here, there.state_dict(), how)
    assert how.left_out == 2
    assert torch.equal(here.state_dict()["8.weight"], before)
    assert torch.equal(here.state_dict()["5.conv2.weight"], there.state_dict()["5.conv2.weight"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda state: state.pop("5.conv2.weight"), "1 tensor of this network is missing: 5.conv2.weight"),
        (lambda state: state.update(extra=torch.ones(1)), "1 is not a tensor of this network: extra"),
        (
            lambda state: [state.pop(f"{place}.conv1.weight") for place in (3, 4, 5)] and state.pop("0.weight"),
            "4 tensors of this network are missing: 0.weight, 3.conv1.weight, 4.conv1.weight, …",
        ),
        (lambda state: state.update({"0.weight": torch.ones(64, 3, 7, 7)}), "0.weight is 64x3x7x7 in the file, 4x3x3x3 in this"),
        (lambda state: state.update({"0.weight": torch.tensor(1.0)}), "0.weight is a single number in the file, 4x3x3x3"),
        (lambda state: state.update({"1.bias": torch.ones(4).long()}), "1.bias has numbers of the type I64 in the file, float32"),
        (
            lambda state: state.update({"1.num_batches_tracked": torch.tensor(1.0)}),
            "1.num_batches_tracked has numbers of the type",
        ),
        (
            lambda state: state.update({"conv1.weight": state["0.weight"].clone()}),
            "1 is not a tensor of this network: conv1.weight",
        ),
        (lambda state: [state.pop("8.weight"), state.pop("8.bias")], "no classifier of this network: ask for a new classifier"),
        (
            lambda state: state.update({"8.weight": torch.ones(1000, 16), "8.bias": torch.ones(1000)}),
            r'tells 1000 classes apart, and this dataset has 10: ask for a new classifier \("new_classifier": true\)',
        ),
        (lambda state: state.update({"8.weight": torch.ones(10, 64)}), "8.weight is 10x64 in the file, 10x16 in this network"),
    ],
)
def test_what_does_not_fit_is_named(change, sentence):
    state = dict(build(RESNET).state_dict())
    change(state)
    with pytest.raises(DataError, match=sentence):
        fitted(state)


def test_a_layer_under_two_names_is_refused():
    state = Published(8, 4, "fc").state_dict()
    state["0.weight"] = state["conv1.weight"].clone()
    with pytest.raises(DataError, match="twice"):
        fitted(state)


def test_a_classifier_left_out_does_not_excuse_others():
    state = build(RESNET, classes=7).state_dict()
    del state["0.weight"]
    with pytest.raises(DataError, match=r"missing: 0\.weight"):
        fitted(state, new=True)


def test_torchvisions_resnet_with_its_stem_for_large_images_does_not_fit_the_one_for_small_images():
    architecture = {"name": "resnet18"}
    with torch.device("meta"):
        state, here = torchvision.models.resnet18().state_dict(), MODELS.bind(architecture)(SHAPE, CLASSES)
    there = {name: Found("F32" if tensor.is_floating_point() else "I64", tuple(tensor.shape)) for name, tensor in state.items()}
    with pytest.raises(DataError, match=r"conv1\.weight is 64x3x7x7 in the file, 64x3x3x3 in this network\."):
        fit(there, here, architecture, "fc", new=True)


@pytest.mark.parametrize("side", [32, 224])
def test_torchvisions_resnet_answers_the_same_in_the_network_with_its_stem(side):
    architecture = {"name": "resnet18_imagenet"}
    torch.manual_seed(3)
    published = torchvision.models.resnet18(weights=None).train()
    published(torch.randn(2, 3, 64, 64))  # running statistics other than the initial ones
    state = published.eval().state_dict()
    model = MODELS.bind(architecture)((3, side, side), 1000).eval()
    how = fit(found(state), model, architecture, "fc", new=False)
    fill(model, state, how)
    images = torch.randn(1, 3, side, side)
    with torch.no_grad():
        assert torch.allclose(model(images), published(images), rtol=1e-5, atol=1e-6)
    assert len(how.names) == len(model.state_dict())


def test_torchvisions_mobilenet_of_imagenets_classes_fits_with_a_new_classifier():
    architecture = MODELS.check({"name": "mobilenet_v2"}, "model")
    with torch.device("meta"):
        state, here = torchvision.models.mobilenet_v2().state_dict(), MODELS.bind(architecture)(SHAPE, CLASSES)
    there = {name: Found("F32" if tensor.is_floating_point() else "I64", tuple(tensor.shape)) for name, tensor in state.items()}
    how = fit(there, here, architecture, "classifier.1", new=True)
    assert (len(how.names), how.left_out) == (len(state) - 2, 2)
    with pytest.raises(DataError, match="tells 1000 classes apart, and this dataset has 10"):
        fit(there, here, architecture, "classifier.1", new=False)
