"""Widgets made from what methods declare: a knob becomes a slider, a number, a choice or a checkbox, bound to the address."""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

import streamlit as st

from compression.catalog import Entry, Knob, Registry
from compression.errors import SpecError
from compression.texts import gettext as _
from ui.address.settings import Address, refused, setting_text
from ui.form import logarithmic
from ui.form.labels import NOTHING, SHARES, label_of, title_of

MOST_SLIDER_STEPS, MOST_OPTIONS_TOLD = 128, 8
LONGEST_TEXT = 60  # characters of a typed list
SAME = 1e-9


def choose(
    address: Address,
    registry: Registry,
    key: str,
    *,
    default: str,
    label: str,
    offer: Callable[[Entry], bool] = lambda entry: True,
    rank: Callable[[Entry], int] = lambda entry: 0,
    title: Callable[[Entry], str] = lambda entry: _(entry.title),
) -> Entry:
    """Draw a choice among a registry's entries by their titles, those of the lowest rank first, and return the one chosen."""
    names = sorted((name for name in registry if offer(registry[name])), key=lambda name: rank(registry[name]))
    name = select(address, key, names, default=default, label=label, show=lambda name: title(registry[name]))
    return registry[name]


def select(
    address: Address,
    key: str,
    options: list[Any],
    *,
    default: Any,
    label: str,
    show: Callable[[Any], str] = str,
    help: str | None = None,
) -> Any:
    """Draw a choice; the address carries the option itself, people read what `show` makes of it."""

    def told(option: Any) -> str:
        return str(option) if show(option) == str(option) else f"{option} ({show(option)})"

    def understand(text: str) -> Any:
        found = [option for option in options if str(option) == text]
        if not found:
            more = ["…"] if len(options) > MOST_OPTIONS_TOLD else []
            allowed = _("allowed is one of {names}").format(names=", ".join([*map(told, options[:MOST_OPTIONS_TOLD]), *more]))
            refusal = refused(label, text, allowed, show(default)).args[0]
            raise ValueError(refusal, default)
        return found[0]

    held = address.key(key)
    if address.read(key, default, understand) not in options:
        st.session_state[held] = default
    chosen = st.selectbox(label, options, key=held, format_func=show, help=help, persist_state="session")
    address.keep(key, chosen)
    return chosen


def knob_widget(
    address: Address, knob: Knob, key: str, *, default: Any = None, label: str | None = None, more: Collection[str] = ()
) -> Any:
    """Draw one knob as the widget that suits its kind, and return its value, checked by the knob again; of a method
    its name, or `NOTHING`.

    A number between a slider's steps, which a run of the command line may have, is drawn as a box to type in. A logarithmic
    slider has such a box beside it.

    Args:
        key: the setting's name in the address: its path in the spec.
        default: where it differs from the knob's own.
        label: where the knob's name does not say enough.
        more: entries to choose from that the registry does not list, such as own images.
    """
    label = label or label_of(knob)
    default = knob.default if default is None else default
    if knob.kind in ("choice", "method"):
        options, usual = _options(knob), NOTHING if default is None else default
        if knob.registry is not None:  # entries that are in no listing, such as own images, can be named by a link
            held = {*more, address.asks(key), st.session_state.get(address.key(key))} - {None, *options}
            options += sorted(name for name in held if name in knob.registry)
        return select(address, key, options, default=usual, label=label, show=title_of(knob), help=_(knob.help))
    if knob.kind == "ints":
        return _numbers(address, knob, key, list(default), label)
    if knob.kind == "bool":
        return flag(address, key, default=default, label=label, help=_(knob.help))
    return knob.check(_number(address, knob, key, default, label), key)


def _options(knob: Knob) -> list[Any]:
    """Return what a choice offers; `NOTHING` too where it may be absent."""
    return [NOTHING, *knob.choices] if knob.kind == "method" and knob.default is None else [*knob.choices]


def _number(address: Address, knob: Knob, key: str, default: float, label: str) -> float | int:
    """Draw a number as a slider, as a box, or as both."""
    low, high, held = _typed(knob, knob.low), _typed(knob, knob.high), address.key(key)
    given = address.read(key, default, lambda text: understand_number(knob, text, default, label))
    if not knob.contains(given) or type(given) is not type(_typed(knob, 0)):
        given = st.session_state[held] = _typed(knob, default)
    shape = "percent" if knob.name in SHARES else "%d" if knob.kind == "int" else "%g"
    shared = {"key": held, "help": _(knob.help), "persist_state": "session"}
    step = knob.step or (1 if knob.kind == "int" else None)
    slides = _fits_a_slider(low, high, step) and abs(knob.snap(given) - given) < SAME
    if st.session_state.get(f"{held}-bounds") != (slides, low, high, step):
        # Another architecture's slider of the same name is another widget to Streamlit, which would start at its lowest value.
        st.session_state[held], st.session_state[f"{held}-bounds"] = given, (slides, low, high, step)
    if knob.logarithmic:
        value = logarithmic.slider(label, knob, given, **shared)
    elif slides:
        value = st.slider(label, low, high, step=_typed(knob, step), format=shape, **shared)
    else:
        step = _typed(knob, knob.step or (1 if knob.kind == "int" else default / 10 or 1e-4))
        value = st.number_input(label, low, high, step=step, format=shape, **shared)
    address.keep(key, value)
    return value


def _fits_a_slider(low: float | None, high: float | None, step: float | None) -> bool:
    """Tell whether a slider can show every step, and its own end among them."""
    if low is None or high is None or not step:
        return False
    steps = (high - low) / step
    return steps <= MOST_SLIDER_STEPS and abs(steps - round(steps)) < 1e-6


def entry_form(
    address: Address,
    entry: Entry,
    prefix: str,
    *,
    defaults: Mapping[str, Any] | None = None,
    more: Mapping[str, Collection[str]] | None = None,
) -> dict[str, Any]:
    """Draw every knob of an entry, and return the choice as a spec has it: the name and the knobs.

    Args:
        more: of a knob, by its name, what can be chosen beside what its registry lists.
    """
    given = defaults or {}
    drawn = {name: knob for name, knob in entry.knobs.items() if knob.kind != "method"}
    values = {
        name: knob_widget(address, knob, f"{prefix}.{name}", default=given.get(name), more=(more or {}).get(name, ()))
        for name, knob in drawn.items()
    }
    return {"name": entry.name, **values}


def knobs_form(
    address: Address, knobs: Mapping[str, Knob], prefix: str, *, defaults: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Draw knobs in pairs, below them the knobs of the methods chosen, and return their values; a choice of one is not drawn.

    Args:
        prefix: of the settings' names in the address.
    """
    given, values = defaults or {}, {}
    offered = [knob for knob in knobs.values() if len(_options(knob)) != 1]
    for start in range(0, len(offered), 2):
        pair = offered[start : start + 2]
        for column, knob in zip(st.columns(len(pair), gap="small", vertical_alignment="bottom"), pair, strict=True):
            with column:
                values[knob.name] = knob_widget(address, knob, f"{prefix}.{knob.name}", default=given.get(knob.name))
    for knob in offered:
        if knob.kind == "method" and values[knob.name] == NOTHING:
            values[knob.name] = None
        elif knob.kind == "method":
            values[knob.name] = _with_knobs(address, knob.registry[values[knob.name]], f"{prefix}.{knob.name}")
    return values


def _with_knobs(address: Address, entry: Entry, prefix: str) -> str | dict[str, Any]:
    """Draw what the method chosen does and its knobs, and return it as a spec has it; one without knobs is its name."""
    if not entry.knobs:
        return entry.name
    st.caption(_(entry.caption))
    return {"name": entry.name, **knobs_form(address, entry.knobs, prefix)}


def flag(address: Address, key: str, *, default: bool, label: str, help: str | None = None) -> bool:
    """Draw a checkbox; the address carries yes or no."""
    words = {"yes": True, "no": False}

    def understand(text: str) -> bool:
        if text not in words:
            raise refused(label, text, _("allowed is yes or no"), default)
        return words[text]

    address.read(key, default, understand)
    value = st.checkbox(label, key=address.key(key), help=help, persist_state="session")
    address.keep(key, value)
    return value


def understand_number(knob: Knob, text: str, default: Any, label: str) -> float | int:
    """Return the number that the address gives for a knob.

    Raises:
        ValueError: no number, or out of bounds; it carries the value to use instead.
    """
    try:
        return knob.check(float(text), label)
    except (SpecError, ValueError):
        raise refused(label, text, knob.allowed(), default) from None


def _numbers(address: Address, knob: Knob, key: str, default: list[int], label: str) -> list[int]:
    """Draw a list of whole numbers as text, 64,32; text that is none stays there, in the address too, and nothing can run."""
    usual = setting_text(default)
    address.read(key, usual, lambda text: text[:LONGEST_TEXT].strip())
    text = st.text_input(label, key=address.key(key), help=_(knob.help), persist_state="session", max_chars=LONGEST_TEXT)
    address.keep(key, text or " ")
    try:
        return parse_numbers(knob, text)
    except ValueError:
        sentence = _("{label}: {allowed}, such as {example}.").format(label=label, allowed=knob.allowed(), example=usual)
        st.error(sentence)
        address.block(sentence)
        return default


def parse_numbers(knob: Knob, text: str) -> list[int]:
    """Return the whole numbers of `64,32`.

    Raises:
        ValueError: it is not a list of numbers that the knob allows.
    """
    try:
        return knob.check(json.loads(f"[{text}]"), knob.name)
    except (SpecError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def _typed(knob: Knob, number: float | None) -> float | int | None:
    if number is None:
        return None
    return int(number) if knob.kind == "int" else float(number)
