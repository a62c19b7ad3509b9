"""How long a run will take, told beside the button that starts it; past a limit, what would make it fit."""

import functools
import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import psutil
import streamlit as st

from compression import runs, settings
from compression.charts.numbers import format_about, format_count
from compression.texts import gettext as _
from compression.texts import ngettext
from ui.address.settings import Address

if TYPE_CHECKING:
    from compression.spec import Spec

FRESH_S = 10.0  # a network that is cached meanwhile, or a finished run, corrects what is told after that time
SPECS_REMEMBERED = 256
CROWDED = 1.5  # threads a core that want to compute; one run alone keeps one busy
WITHIN = 0.9  # of the limit: what fits shall do so with room


def allowed(address: Address, spec: "Spec", device: str, *, at_work: bool = False) -> bool:
    """Draw how long a run will take, and return whether it may start; if not, draw what would make it fit.

    Args:
        at_work: whether that run is on screen and at work, so that its progress says how long it still takes.
    """
    expected, limit = seconds(spec, device), settings.long_run_s()
    if expected is None:
        return True
    about = _("About {time} here.").format(time=format_about(expected))
    if limit is None or expected <= limit:
        if not at_work:
            help_text = _("Predicted from the size of the networks and from how long earlier runs took on this machine.")
            busy = _("The machine is busy now: it may take several times as long.") if crowded() else ""
            st.caption(f"{about} {busy}".rstrip(), help=help_text)
        return True
    sentence = _("{about} Run is off: a run may take {limit} here.")
    st.warning(sentence.format(about=about, limit=format_about(limit)), icon=":material/hourglass_top:")
    _offer(address, spec, device, limit)
    return False


def crowded() -> bool:
    """Tell whether far more threads have wanted a core in the last minute than there are cores."""
    return psutil.getloadavg()[0] > CROWDED * (psutil.cpu_count() or 1)


def _offer(address: Address, spec: "Spec", device: str, limit: float) -> None:
    changes = _changes(json.dumps(spec.to_json()), device, WITHIN * limit, _period())
    if changes is None:
        st.caption(_("No number of epochs, images and seeds makes it fit: choose a smaller network."))
        return
    from compression.fitting import cut

    time_needed = format_about(seconds(cut(spec, changes), device) or 0.0)
    words = ", ".join(change_text(spec.kind, name, count) for name, count in changes.items())
    label = _("Use {changes}: about {time}").format(changes=words, time=time_needed)
    values = {address.key(_setting(spec, name)): value for name, value in changes.items()}
    st.button(label, icon=":material/compress:", width="stretch", on_click=st.session_state.update, args=(values,), key="run-fit")


def change_text(kind: str, name: str, count: int) -> str:
    """Return what a setting is cut to, in words: `5 epochs of the original`, since a compression trains twice."""
    if name.startswith("steps."):
        words = ngettext("{count} epoch of fine-tuning", "{count} epochs of fine-tuning", count)
    elif name == "train.epochs" and kind == "compress":
        words = ngettext("{count} epoch of the original", "{count} epochs of the original", count)
    elif name == "train.epochs":
        words = ngettext("{count} epoch", "{count} epochs", count)
    elif name == "seeds":
        words = ngettext("{count} seed", "{count} seeds", count)
    else:
        words = ngettext("{count} training image", "{count} training images", count)
    return words.format(count=format_count(count))


def _setting(spec: "Spec", name: str) -> str:
    """Return what the page calls a setting of a spec: its steps go by their names."""
    first, *rest = name.split(".")
    return ".".join([spec.to_json()["steps"][int(rest[0])]["name"], *rest[1:]]) if first == "steps" else name


def seconds(spec: "Spec", device: str) -> float | None:
    """Return how many seconds a run is expected to take here; None where that is not known."""
    return _seconds(json.dumps(spec.to_json()), device, _period())


def seconds_together(specs: "Sequence[Spec]", device: str) -> float | None:
    """Return in how many seconds several runs will have ended here; None where that is not known."""
    return _seconds_together(tuple(json.dumps(spec.to_json()) for spec in specs), device, _period())


def _period() -> int:
    return int(time.monotonic() / FRESH_S)


@functools.lru_cache(maxsize=SPECS_REMEMBERED)
def _seconds(spec: str, device: str, _period: int) -> float | None:
    from compression.spec import parse

    return runs.forecast_of(parse(json.loads(spec)), device)["expected_s"]


@functools.lru_cache(maxsize=SPECS_REMEMBERED)
def _seconds_together(specs: tuple[str, ...], device: str, _period: int) -> float | None:
    from compression.spec import parse

    return runs.forecast_together([parse(json.loads(spec)) for spec in specs], device)


@functools.lru_cache(maxsize=SPECS_REMEMBERED)
def _changes(spec: str, device: str, limit: float, period: int) -> dict[str, Any] | None:
    from compression.fitting import fit
    from compression.spec import parse

    return fit(parse(json.loads(spec)), limit, lambda changed: _seconds(json.dumps(changed.to_json()), device, period))
