"""The offer to download ImageNet weights: what they are, from where and under which terms, before anything is fetched."""

from collections.abc import Callable

import streamlit as st

from compression import settings
from compression.catalog import Entry
from compression.errors import LabError
from compression.models import MODELS
from compression.own_weights.published import SIDE, TERMS, TRAIT, download, names
from compression.texts import gettext as _
from ui.address.settings import Address
from ui.run.words import as_text

COLOURS = 3


def offer(address: Address, role: str, data: Entry, take: Callable[[str], None], refuse: Callable[[str], None]) -> None:
    """Draw the choice of published weights; the one that is pressed is downloaded, unless it is here, and its id taken.

    Args:
        take: is given the id.
        refuse: is given the sentence why there is none.
    """
    channels, height, width = data.traits["shape"]
    about = _(
        "Weights that torchvision publishes, learned on ImageNet: colour images of {side} × {side} pixels. Pressing a button"
        " downloads the file to this lab once, from download.pytorch.org. {terms} Inputs are normalized as the weights expect;"
        " images keep the size they have here, {height} × {width}. The network gets a new classifier and is trained on."
    )
    with st.popover(_("ImageNet weights…"), icon=":material/cloud_download:"):
        st.caption(about.format(side=SIDE, terms=_(TERMS), height=height, width=width))
        if channels != COLOURS:
            st.caption(as_text(_("The images of {data} are grey, and these weights take colours.").format(data=_(data.title))))
        pressed = [name for name in names() if _button(address, role, name, disabled=channels != COLOURS)]
        if pressed:
            _follow(pressed[0], take, refuse)


def _button(address: Address, role: str, name: str, *, disabled: bool) -> bool:
    label = _("{network}, {size} MB").format(network=_(MODELS[name].title), size=MODELS[name].traits[TRAIT]["megabytes"])
    return st.button(label, key=f"{address.key(role)}-published-{name}", disabled=disabled, width="stretch")


def _follow(name: str, take: Callable[[str], None], refuse: Callable[[str], None]) -> None:
    """Download weights while the page says how far it is."""
    steps, place = download(name, settings.weights_folder()), st.empty()
    try:
        while True:
            place.info(as_text(next(steps)), icon=":material/cloud_download:")
    except StopIteration as done:
        take(done.value)
        place.empty()
    except LabError as error:
        refuse(str(error))
        place.error(as_text(str(error)), icon=":material/error:")
