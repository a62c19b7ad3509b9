"""A file of weights that somebody brings: its upload, the network that it fills, and what was found in it."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from compression import given, settings
from compression.catalog import Entry
from compression.charts.numbers import format_count
from compression.errors import LabError
from compression.models import MODELS, NEW_CLASSIFIER, WEIGHTS, WEIGHTS_ID
from compression.networks import Workspace
from compression.own_weights import storage
from compression.own_weights.fit import Fit
from compression.own_weights.header import FLOAT_BYTES, MOST_BYTES, Header
from compression.own_weights.told import Told, told
from compression.texts import gettext as _
from compression.texts import ngettext
from ui.address.settings import Address, plain
from ui.form import published_weights
from ui.form.shared import network
from ui.form.widgets import flag
from ui.run.words import as_text

SHOWN_OF_ID = 8


def choose(address: Address, data: Entry, role: str, label: str, usual: Mapping[str, Any]) -> dict[str, Any]:
    """Draw the upload of a file of weights and the choice of the network that it fills, and return it as a spec has it.

    Where a file is missing, broken or of another network, that is said and nothing can run; the id of one that is not there
    is empty.
    """
    name = _upload(address, role, data)
    refusal = st.session_state.get(_problem_key(address, role))
    empty = _("Choose a safetensors file to take the weights from.")
    header, problem = _header(name) if name else (None, refusal or empty)
    choice, place = {**network(address, role, label, usual), WEIGHTS: ""}, st.container()
    if header is not None:
        with place:
            choice = {**choice, WEIGHTS: name}
            problem = _fit(address, role, choice, data, header)
    if problem:
        address.block(problem)
    if problem and problem != empty:
        place.error(as_text(problem), icon=":material/error:")
    return choice


def _upload(address: Address, role: str, data: Entry) -> str:
    """Draw the upload and the offer of published weights; return the id of the file that is held, or nothing."""
    field = f"{role}.{WEIGHTS}"

    def understand(text: str) -> str:
        if not WEIGHTS_ID.fullmatch(text):
            raise ValueError(
                _("The link names a file of weights “{text}”, which is not the id of one.").format(text=plain(text)), ""
            )
        return text

    held, problem, key = address.key(field), _problem_key(address, role), f"{address.key(field)}-upload"
    place, network_key = st.container(), address.key(role)
    published_weights.offer(
        address,
        role,
        data,
        lambda name: _hold(held, problem, network_key, name),
        lambda sentence: st.session_state.update({held: "", problem: sentence}),
    )
    name = address.read(field, "", understand)
    place.file_uploader(
        _("File of weights"),
        type=["safetensors"],
        key=key,
        max_upload_size=MOST_BYTES // 2**20,
        on_change=_take,
        args=(held, key, problem, network_key),
        help=_(
            "Layers may have the names that this lab, torchvision or timm gives them. The lab stores the file; links name its id."
        ),
    )
    address.keep(field, name)
    return name


def _take(held: str, upload: str, problem: str, role: str) -> None:
    """Store an uploaded file and hold its id, or the sentence why it cannot be; set the network that it says it is of."""
    file = st.session_state[upload]
    st.session_state[held] = ""
    st.session_state.pop(problem, None)
    if file is None:
        return
    try:
        _hold(held, problem, role, storage.store(file.getvalue(), settings.weights_folder()))
    except LabError as error:
        st.session_state[problem] = str(error)
    except OSError as error:
        st.session_state[problem] = _("The file cannot be stored: {reason}.").format(reason=error.strerror)


def _hold(held: str, problem: str, role: str, name: str) -> None:
    """Hold the id of a stored file, and set the network that it says it is of."""
    st.session_state[held] = name
    st.session_state.pop(problem, None)
    said = told(given.header_of(name, _workspace()).metadata)
    if said.architecture is not None:
        st.session_state[role] = said.architecture["name"]
        st.session_state.update({f"{role}.{knob}": value for knob, value in _knobs(said.architecture).items()})


def _knobs(architecture: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of an architecture's knobs as their widgets hold them."""
    kinds = {name: knob.kind for name, knob in MODELS[architecture["name"]].knobs.items()}
    return {
        name: ",".join(map(str, architecture[name])) if kind == "ints" else architecture[name] for name, kind in kinds.items()
    }


def _header(name: str) -> tuple[Header | None, str]:
    """Return what a stored file holds, or why that cannot be known."""
    try:
        return given.header_of(name, _workspace()), ""
    except LabError as error:
        return None, str(error)


def _fit(address: Address, role: str, choice: dict[str, Any], data: Entry, header: Header) -> str:
    """Draw what was found and whether the classifier is the file's, which the choice then says; return what does not fit."""
    dataset, field = {"name": data.name, "split_seed": 0}, f"{role}.{NEW_CLASSIFIER}"
    own, why = _attempt(choice, dataset)
    new, why_not = _attempt({**choice, NEW_CLASSIFIER: True}, dataset)
    if own is None and new is not None:
        address.asks(field)
        address.keep(field, True)
        choice[NEW_CLASSIFIER] = True
        st.caption(_found(choice[WEIGHTS], header, *new))
        reason = why.partition(":")[0]
        st.caption(
            as_text(_("{reason}: it gets a new classifier here, and the network is trained on with it.").format(reason=reason))
        )
        return ""
    label, help_text = _("New classifier, trained on here"), _("The file's own is left out; all layers train on with the new one")
    if own is not None and flag(address, field, default=False, label=label, help=help_text):
        choice[NEW_CLASSIFIER] = True
    st.caption(_found(choice[WEIGHTS], header, *(own or (None, None))))
    return "" if own is not None else why_not


def _attempt(choice: Mapping[str, Any], dataset: Mapping[str, Any]) -> tuple[tuple[Told, Fit] | None, str]:
    try:
        return given.fitted(choice, dataset, _workspace()), ""
    except LabError as error:
        return None, str(error)


def _found(name: str, header: Header, said: Told | None, filled: Fit | None) -> str:
    """Return what a file holds and how it fills the network, in one line."""
    count = len(header.tensors)
    floats = [tensor for tensor in header.tensors.values() if tensor.dtype in FLOAT_BYTES]
    types = ", ".join(sorted({tensor.dtype for tensor in floats}))
    parts = [ngettext("{count} tensor", "{count} tensors", count).format(count=format_count(count))]
    parts += [_("{count} numbers, {types}").format(count=format_count(sum(tensor.size for tensor in floats)), types=types)]
    if filled is not None and said is not None:
        parts += [_("{count} under other names than here").format(count=filled.renamed)] if filled.renamed else []
        parts += [_("converted to float32")] if filled.converted else []
        parts += [_("{count} of its classifier left out").format(count=filled.left_out)] if filled.left_out else []
        own = _("inputs normalized as the file says")
        parts += [own if said.mean is not None else _("the file says nothing of normalization: as the dataset's own images")]
    return _("Found in the file {id}: {what}.").format(id=name[:SHOWN_OF_ID], what=" · ".join(parts))


def _problem_key(address: Address, role: str) -> str:
    return f"{address.key(role)}-{WEIGHTS}-problem"


def _workspace() -> Workspace:
    return Workspace(settings.home(), settings.models_folder(), settings.runs_folder())
