"""A classifier of other features, which a projector makes of a network's own."""

from collections import OrderedDict

from torch import nn

from compression.edits import EDITS
from compression.errors import DataError
from compression.steps.state import State
from compression.texts import gettext
from compression.texts import mark as _

MOST_FEATURES = 4096  # files come from strangers, and a projector's memory grows with the square


@EDITS.register(title=_("Projector before the classifier"), source="Chen et al. 2022, arXiv:2203.14001, section 3.2")
def project(state: State, layer: str, between: int, features: int) -> None:
    """Puts a projector before a network's last linear layer, which then takes the features that the projector makes.

    The projector is three linear layers, each with a batch norm and ReLU behind it. The layer, of new weights, is
    called `classifier` then, beside `projector`, in the place that it had.

    Args:
        layer: the last linear layer, by its name in the network.
        between: outputs of the projector's first two layers.
        features: outputs of its last.

    Raises:
        DataError: another layer, a size that is not allowed, or a layer that is compressed.
    """
    found = [name for name, module in state.model.named_modules() if isinstance(module, nn.Linear)]
    if not layer or found[-1:] != [layer] or layer.endswith(".classifier"):
        raise DataError(gettext("a projector goes before a network's last linear layer, once"))
    if not (0 < between <= MOST_FEATURES and 0 < features <= MOST_FEATURES):
        raise DataError(gettext("a projector's layers have 1 to {most} outputs").format(most=MOST_FEATURES))
    if any(name.startswith(f"{layer}.") for name in (*state.masks, *state.quantized, *state.latent)):
        raise DataError(gettext("a layer that is pruned or quantized takes no projector"))
    old = state.model.get_submodule(layer)
    placed = {"device": old.weight.device, "dtype": old.weight.dtype}
    blocks: list[nn.Module] = []
    for fan_in, fan_out in ((old.in_features, between), (between, between), (between, features)):
        blocks += [nn.Linear(fan_in, fan_out, bias=False, **placed), nn.BatchNorm1d(fan_out, **placed), nn.ReLU()]
    new = nn.Linear(features, old.out_features, bias=old.bias is not None, **placed)
    within, _dot, own = layer.rpartition(".")
    parts = OrderedDict(projector=nn.Sequential(*blocks), classifier=new)
    setattr(state.model.get_submodule(within), own, nn.Sequential(parts).train(state.model.training))
