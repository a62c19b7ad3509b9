"""Which tensor of a file is which of a network: the same names, or those that published networks have, and nothing left over."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from compression.errors import DataError
from compression.models import MODELS
from compression.own_weights.header import FLOAT_BYTES, Found
from compression.texts import gettext as _
from compression.texts import ngettext

WRAPPERS = ("module.", "_orig_mod.", "model.")  # put before all names by DataParallel, torch.compile and training scripts
COUNTER = "num_batches_tracked"
MOST_NAMES_TOLD = 3


@dataclass(frozen=True)
class Fit:
    """How the tensors of a file fill a network.

    Attributes:
        names: the file's name of each tensor that it gives the network, by the network's own name.
        renamed: how many of these names differ.
        converted: the types of floats that become float32.
        left_out: how many tensors of the file's classifier are not used, the network having a new one.
    """

    names: Mapping[str, str]
    renamed: int
    converted: tuple[str, ...]
    left_out: int


def fit(
    found: Mapping[str, Found], model: nn.Module, architecture: Mapping[str, Any], classifier: str | None, *, new: bool
) -> Fit:
    """Return how a file's tensors fill a network, which may lie on the device meta.

    Args:
        found: the file's tensors by name.
        architecture: the network's name and knobs; the trait `also_named` of its entry gives, by its knobs, our names of
            layers by those of published networks.
        classifier: the name of the network's last linear layer.
        new: leave that layer as it is, whatever the file has for it.

    Raises:
        DataError: a name, a shape or a type does not fit; the sentence names it.
    """
    own = model.state_dict()
    ours = _ours(found, own, architecture)
    names = {name: given for given, name in ours.items()}
    if len(names) < len(ours):
        raise DataError(_("The file has a layer of this network twice, by its own name and as published."))
    last = {name for name in {*own, *names} if classifier is not None and name.rpartition(".")[0] == classifier}
    left_out = last if new else set()
    taken = {name: given for name, given in names.items() if name not in left_out}
    missing = [name for name in own if name not in taken and name not in left_out and not name.endswith(COUNTER)]
    if last and {*missing} == last & own.keys():
        raise DataError(new_classifier(_("The file has no classifier of this network")))
    _refuse_others([given for name, given in taken.items() if name not in own], missing)
    for name, given in ((name, taken[name]) for name in own if name in taken):
        there, here = found[given].shape, tuple(own[name].shape)
        if name in last and there[1:] == here[1:] and there[:1] != here[:1]:
            classes = _("The file's classifier tells {there} classes apart, and this dataset has {here}")
            raise DataError(new_classifier(classes.format(there=there[0], here=here[0])))
        _check(given, found[given], own[name])
    floats = {found[given].dtype for given in taken.values()} & FLOAT_BYTES.keys() - {"F32"}
    renamed = sum(name != given for name, given in taken.items())
    return Fit(taken, renamed, tuple(sorted(floats)), len(names) - len(taken))


def fill(model: nn.Module, tensors: Mapping[str, Tensor], fitted: Fit) -> None:
    """Give a network the tensors of a file; counters of batches that the file lacks, and a new classifier, stay as they are."""
    model.load_state_dict({name: tensors[given] for name, given in fitted.names.items()}, strict=False)


def shape_text(shape: Iterable[int]) -> str:
    """Return a shape as `64x3x7x7`."""
    return "x".join(map(str, shape)) or _("a single number")


def _ours(found: Collection[str], own: Collection[str], architecture: Mapping[str, Any]) -> dict[str, str]:
    """Return what each tensor of a file is called in a network, in the naming that knows most of them."""
    bare = {name: name for name in found}
    while wrapper := next((each for each in WRAPPERS if all(name.startswith(each) for name in bare.values())), None):
        bare = {name: rest.removeprefix(wrapper) for name, rest in bare.items()}
    entry = MODELS[architecture["name"]]
    knobs = {key: value for key, value in architecture.items() if key in entry.knobs}
    published = entry.traits["also_named"](**knobs) if "also_named" in entry.traits else {}

    def renamed(name: str) -> str:
        layer, _dot, last = name.rpartition(".")
        return f"{published[layer]}.{last}" if layer in published else name

    namings = [bare, {name: renamed(rest) for name, rest in bare.items()}]
    return max(namings, key=lambda naming: len({*naming.values()} & {*own}))


def new_classifier(why: str) -> str:
    """Return a sentence that says why a file's classifier cannot be used, and what to do."""
    told = _('{why}: ask for a new classifier ("new_classifier": true), with which the network is then trained on.')
    return told.format(why=why)


def _refuse_others(unknown: list[str], missing: list[str]) -> None:
    told = []
    if missing:
        one, more = "{count} tensor of this network is missing: {names}", "{count} tensors of this network are missing: {names}"
        told.append(ngettext(one, more, len(missing)).format(count=len(missing), names=_first(missing)))
    if unknown:
        one, more = "{count} is not a tensor of this network: {names}", "{count} are not tensors of this network: {names}"
        told.append(ngettext(one, more, len(unknown)).format(count=len(unknown), names=_first(unknown)))
    if told:
        raise DataError(_("The file holds another network: {what}.").format(what="; ".join(told)))


def _first(names: list[str]) -> str:
    return ", ".join([*names[:MOST_NAMES_TOLD], *(["…"] if len(names) > MOST_NAMES_TOLD else [])])


def _check(given: str, found: Found, own: Tensor) -> None:
    if found.shape != tuple(own.shape):
        sentence = _("{name} is {there} in the file, {here} in this network.")
        raise DataError(sentence.format(name=given, there=shape_text(found.shape), here=shape_text(own.shape)))
    if (found.dtype in FLOAT_BYTES) != own.is_floating_point():
        sentence = _("{name} has numbers of the type {dtype} in the file, {own} in this network.")
        raise DataError(sentence.format(name=given, dtype=found.dtype, own=str(own.dtype).removeprefix("torch.")))
