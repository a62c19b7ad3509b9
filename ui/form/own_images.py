"""Own images on a page: choosing them, uploading them, and what came of them."""

import functools
from pathlib import PurePath
from typing import Any

import numpy
import streamlit as st

from compression import settings
from compression.catalog import Entry
from compression.data import DATASETS
from compression.data.own import told
from compression.data.own.bring import READING, bring
from compression.data.own.stored import NAME, look_up, own_datasets
from compression.errors import LabError
from compression.texts import gettext as _
from compression.texts import mark, ngettext
from ui.address.settings import Address
from ui.form.labels import label_of
from ui.form.widgets import select
from ui.run.words import as_text

UPLOAD = "own"
DATASET = "dataset"
UPLOADED_HERE = "own-images-uploaded"
TYPES = ["zip", "npz"]
MOST_SAMPLES, SAMPLE_SIDE, SAMPLE_WIDTH = 8, 64, 75  # four in a row on a phone
MOST_CAPTION_CHARACTERS = 9
OPTIONS = {
    "auto": mark("Automatic"),
    "grey": mark("Grey"),
    "colour": mark("Colour"),
}


def choose_dataset(address: Address, usual: str) -> Entry:
    """Draw the choice of a dataset, own images among them; until these are there, the usual dataset is returned.

    Own images that a link names stay chosen if the lab does not have them: that is said, and nothing can run.
    """
    held = address.key(DATASET)
    if brought := st.session_state.pop(f"{held}-brought", None):
        st.session_state[held] = brought
    names = [*DATASETS, *own_names(address), *_gone(address), UPLOAD]
    name = select(address, DATASET, names, default=usual, label=_("Dataset"), show=_title)
    return DATASETS[usual if name == UPLOAD or name in _gone(address) else name]


def _gone(address: Address) -> list[str]:
    """Return the own dataset that the link or the choice names and the lab does not have, if there is such."""
    named = {address.asks(DATASET), st.session_state.get(address.key(DATASET))} - {None}
    return sorted(name for name in named if NAME.fullmatch(name) and look_up(name) is None)


def own_names(address: Address) -> list[str]:
    """Return the own datasets to choose from; where strangers share the lab, those uploaded here and the one of the link."""
    names = [own.name for own in own_datasets()]
    if not settings.shared():
        return names
    known = {*st.session_state.get(UPLOADED_HERE, ()), address.asks(DATASET), st.session_state.get(address.key(DATASET))}
    return [name for name in names if name in known]


def _title(name: str) -> str:
    if name == UPLOAD:
        return _("Own images…")
    if NAME.fullmatch(name) and look_up(name) is None:
        return _("Own images, not here")
    entry = DATASETS[name]
    if not NAME.fullmatch(name):
        return _(entry.title)
    channels, height, width = entry.traits["shape"]
    colour = _("colour") if channels == 3 else _("grey")
    return f"{entry.title} ({width}×{height}, {colour})"


def draw(address: Address, data: Entry) -> None:
    """Draw what belongs to own images: the upload where it is chosen, or what is known of those that are."""
    chosen = st.session_state.get(address.key(DATASET))
    if chosen == UPLOAD:
        _draw_upload(address)
    elif chosen in _gone(address):
        problem = _("This lab does not have these images (any more): upload them again, or choose another dataset.")
        st.error(problem, icon=":material/link_off:")
        address.block(problem)
    elif own := data.traits.get("own"):
        _draw_facts(data.name, own.facts)


def _draw_upload(address: Address) -> None:
    address.block(_("Upload your images, or choose another dataset."))
    sentence = _(
        "A **zip** with a folder of images for each class (`cat/1.jpg`, `dog/7.png`, …), with `train/` and `test/` around them if"
        " you have both; or an **npz** with images and labels. Each image becomes its centre square, resized."
    )
    st.caption(sentence)
    left, right = st.columns(2, gap="small")
    with left:
        size = _reading(address, "size")
    with right:
        colour = _reading(address, "colour")
    file = st.file_uploader(_("Zip or npz"), TYPES, key=address.key("own-images"))
    if file is None:
        return
    tried, failed = (file.file_id, size, colour), address.key("own-images-failed")
    if st.session_state.get(failed, ((), ""))[0] != tried:
        bar = st.progress(0.0, _("Reading the file …"))
        try:
            own = bring(file, PurePath(file.name).stem, size=size, colour=colour, tell=_teller(bar))
        except LabError as error:
            st.session_state[failed] = (tried, str(error))
        else:
            st.session_state.setdefault(UPLOADED_HERE, []).append(own.name)
            st.session_state[f"{address.key(DATASET)}-brought"] = own.name
            st.rerun()
        bar.empty()
    st.error(as_text(st.session_state[failed][1]), icon=":material/error:")


def _reading(address: Address, name: str) -> Any:
    """Draw one setting of how own images are read."""
    knob = READING.knobs[name]

    def show(option: Any) -> str:
        return _(OPTIONS[option]) if option in OPTIONS else f"{option} × {option}"

    looks = {"label": label_of(knob), "show": show, "help": _(knob.help)}
    return select(address, f"{DATASET}.{name}", list(knob.choices), default=knob.default, **looks)


def _teller(bar: Any) -> Any:
    def tell(done: int, count: int) -> None:
        bar.progress(done / max(1, count), _("Reading images: {done:,} of {count:,}").format(done=done, count=count))

    return tell


def _draw_facts(name: str, facts: dict[str, Any]) -> None:
    lines = [f"{told.counts(facts)}. {told.resized(facts)}.", *told.notes(facts)]
    st.caption("  \n".join(map(as_text, lines)))
    if left_out := told.left_out(facts):
        count = sum(row[1] for row in facts["skipped"])
        with st.expander(ngettext("{count:,} file left out", "{count:,} files left out", count).format(count=count)):
            st.caption("  \n".join(map(as_text, left_out)))
    with st.container(horizontal=True, gap="xsmall"):
        for title, image in _samples(name, bool(look_up(name))):
            st.image(image, caption=as_text(_short(title)), width=SAMPLE_WIDTH)


def _short(title: str) -> str:
    return title if len(title) <= MOST_CAPTION_CHARACTERS else f"{title[: MOST_CAPTION_CHARACTERS - 1]}…"


@functools.lru_cache(maxsize=16)
def _samples(name: str, there: bool) -> list[tuple[str, numpy.ndarray]]:
    """Return the first image (H, W) or (H, W, 3) of each of the first classes, enlarged by whole pixels."""
    entry, found = DATASETS[name], []
    arrays = entry.function(settings.data_root())
    for label, title in enumerate(entry.traits["class_names"][:MOST_SAMPLES]):
        image = arrays.train_inputs[arrays.train_labels == label][0].numpy()
        factor = max(1, SAMPLE_SIDE // image.shape[1])
        pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        found.append((title, pixels.repeat(factor, 0).repeat(factor, 1)))
    return found
