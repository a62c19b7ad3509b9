"""Try several values of one or two settings at once: which settings, and which values."""

import json
import re
from typing import Any

import streamlit as st

from compression.catalog import Knob
from compression.errors import LabError
from compression.spec import Spec
from compression.sweep import MOST_CELLS, Sweep, parse_sweep
from compression.swept import suggested, sweepable
from compression.texts import gettext as _
from ui.address.settings import Address, refused, setting_text
from ui.run.differences import setting_title

FIRST, SECOND = "several", "several.and"
NONE = ""
LONGEST_TEXT = 200
NUMBER = r"(\d*\.?\d+(?:e-?\d+)?)"
RANGE = re.compile(rf"\s*{NUMBER}\s+to\s+{NUMBER}\s+in\s+(\d{{1,3}})\s*")


def draw(address: Address, spec: Spec) -> Sweep | None:
    """Draw the choice of settings and values; return what they ask for, None where nothing or nothing usable is asked for."""
    knobs, raw = sweepable(spec.to_json()), spec.to_json()
    chosen = _read(address, FIRST, knobs)
    with st.expander(_("Try several values"), icon=":material/stacks:", expanded=bool(chosen)):
        over = _setting(address, FIRST, knobs, raw, _("Setting"))
        if over:
            rest = {path: knob for path, knob in knobs.items() if path not in over}
            _read(address, SECOND, rest)
            over |= _setting(address, SECOND, rest, raw, _("And, each with every value of"))
            st.caption(_("A list, 1, 2, 4, or a range, 1 to 20 in 5. At most {most} runs.").format(most=MOST_CELLS))
        if not over or address.blocks:
            return None
        try:
            return parse_sweep({"kind": "sweep", "base": raw, "over": over})
        except LabError as error:
            st.error(str(error))
            address.block(str(error))
            return None


def _read(address: Address, name: str, knobs: dict[str, Knob]) -> str:
    """Return the setting that is swept; one that there is not any more, as after another choice of method, is dropped.

    That of a step which another one was put before, or taken away from before, is followed to its new place.
    """

    def understand(text: str) -> str:
        if text not in knobs:
            raise refused(_("several values of"), text, _("allowed is a setting of this page"), _("none"))
        return text

    held = address.read(name, NONE, understand)
    if held not in knobs:
        alike = [path for path in knobs if path.startswith("steps.") and path.split(".")[2:] == held.split(".")[2:]]
        moved = alike[0] if held.startswith("steps.") and len(alike) == 1 else NONE
        held = st.session_state[address.key(name)] = moved
    return held


def _setting(address: Address, name: str, knobs: dict[str, Knob], raw: dict[str, Any], label: str) -> dict[str, list[Any]]:
    """Draw one setting and its values."""
    key, values_key = address.key(name), address.key(f"{name}.values")

    def suggest() -> None:
        path = st.session_state[key]
        st.session_state[values_key] = _text(suggested(raw, path, knobs[path])) if path else ""

    show = {NONE: _("none"), **{path: _title(path) for path in knobs}}
    looks = {"format_func": show.__getitem__, "on_change": suggest, "persist_state": "session"}
    path = st.selectbox(label, [NONE, *knobs], key=key, **looks)
    if not path:
        return {}
    usual = _text(suggested(raw, path, knobs[path]))
    address.read(f"{name}.values", usual, lambda text: text[:LONGEST_TEXT].strip())
    title = _("Values of {setting}").format(setting=_title(path))
    text = st.text_input(title, key=values_key, max_chars=LONGEST_TEXT, persist_state="session")
    address.keep(name, path)
    address.keep(f"{name}.values", text or " ")
    try:
        return {path: _values(text, knobs[path])}
    except ValueError as error:
        sentence = f"{_title(path)}: {error}"
        st.error(sentence)
        address.block(sentence)
        return {}


def _title(path: str) -> str:
    step = re.match(r"steps\.(\d+)\.", path)
    title = setting_title(path)
    return _("{setting}, step {number}").format(setting=title, number=int(step[1]) + 1) if step else title


def _text(values: list[Any]) -> str:
    return ", ".join(setting_text(value) for value in values)


def _values(text: str, knob: Knob) -> list[Any]:
    """Return the values that a text lists.

    Raises:
        ValueError: it is no list of at least two values of this kind; the text says what is allowed.
    """
    if knob.kind not in ("float", "int"):
        names = {setting_text(choice): choice for choice in ([False, True] if knob.kind == "bool" else knob.choices)}
        given = [part.strip() for part in text.split(",") if part.strip()]
        if wrong := [part for part in given if part not in names]:
            raise ValueError(_("there is no {name}; allowed are {names}.").format(name=wrong[0], names=", ".join(names)))
        values: list[Any] = [names[part] for part in given]
    elif (span := RANGE.fullmatch(text)) is not None:
        values = _range(float(span[1]), float(span[2]), int(span[3]), knob)
    else:
        try:
            values = json.loads(f"[{text}]")
        except (json.JSONDecodeError, RecursionError):
            raise ValueError(_("allowed is a list of numbers, such as 1, 2, 4, or a range, such as 1 to 20 in 5.")) from None
    if len(values) < 2:
        raise ValueError(_("allowed are at least two values."))
    return values


def _range(low: float, high: float, count: int, knob: Knob) -> list[Any]:
    """Return so many values from low to high: at equal ratios where that is what one feels, else at equal distances."""
    if not 2 <= count <= MOST_CELLS:
        raise ValueError(_("allowed are 2 to {most} values.").format(most=MOST_CELLS))
    if knob.logarithmic and low > 0 and high > 0:
        tried = [low * (high / low) ** (part / (count - 1)) for part in range(count)]
    else:
        tried = [low + (high - low) * part / (count - 1) for part in range(count)]
    return list(dict.fromkeys(knob.snap(number) for number in tried))


def value_text(value: Any) -> str:
    """Return a swept value for people."""
    return f"{value:g}" if isinstance(value, float) else setting_text(value)
