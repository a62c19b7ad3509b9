"""The layers of a network before and after compression, side by side."""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
from pandas.api.types import is_numeric_dtype

from compression.charts.numbers import format_bytes, format_count, format_ratio
from compression.runs.records import Event
from compression.texts import gettext as _
from ui.widgets.table_height import table_height

MOST_ROWS_SHOWN = 12
SUFFIXES = ("_before", "_after")
ALWAYS_TEXT = ("nonzero", "bits", "bytes")
ACTIVATIONS = ("activation_bits", "activation_low", "activation_high")


def layers(events: Iterable[Event]) -> pd.DataFrame | None:
    """Return a row a layer of the first seed that has both tables, before and after; None before that.

    Columns: layer, kind, and each of shape (as text), parameters, nonzero, bits, bytes, macs with `_before` and `_after`. Where
    the compressed network rounds activations, also activation_bits, activation_low, activation_high, of what a layer is given.
    """
    told: dict[tuple[str, Any], Sequence[Mapping[str, Any]]] = {
        (event.payload["role"], event.payload.get("seed")): event.payload["rows"] for event in events if event.type == "layers"
    }
    for role, seed in told:
        if role == "original" and ("compressed", seed) in told:
            before, after = (pd.DataFrame(told[part, seed]) for part in ("original", "compressed"))
            both = before.merge(after.drop(columns="kind"), on="layer", suffixes=SUFFIXES)
            both = both.rename(columns={f"{name}_after": name for name in ACTIVATIONS})
            for name in (f"shape{suffix}" for suffix in SUFFIXES):
                both[name] = ["×".join(map(str, shape)) for shape in both[name]]
            return both
    return None


def show(events: Iterable[Event], name: str) -> None:
    """Draw the table with its sums and its file.

    Args:
        name: of the file, without its ending.
    """
    table = layers(events)
    if table is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(_("**Layers before and after**"))
        looks = {"icon": ":material/download:", "on_click": "ignore", "type": "tertiary"}
        st.download_button(_("Layers (CSV)"), lambda: table.to_csv(index=False), f"{name}-layers.csv", "text/csv", **looks)
    shown = _shown(table)
    st.dataframe(shown, column_config=_columns(shown), hide_index=True, height=table_height(len(table), MOST_ROWS_SHOWN))
    st.caption(in_all(table))


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as people read it: what changes as `before → after`."""
    shown = pd.DataFrame({"layer": table["layer"] + " " + table["kind"]})
    for name in ("shape", "parameters", "nonzero", "bits", "bytes", "macs"):
        before, after = table[f"{name}_before"], table[f"{name}_after"]
        shown[name] = after
        if name in ALWAYS_TEXT or (before != after).any():
            pairs = zip(_texts(before), _texts(after), strict=True)
            shown[name] = [f"{was} → {now}" if was != now else now for was, now in pairs]
    if ACTIVATIONS[0] in table:
        place = shown.columns.get_loc("bytes")
        shown.insert(place, "activations", [_activations(*row) for row in table[[*ACTIVATIONS]].itertuples(index=False)])
    return shown


def _activations(bits: float, low: float, high: float) -> str:
    """Return the grid of a layer's inputs in words; nothing where they are not rounded."""
    if math.isnan(bits):
        return ""
    return _("{bits} bits, {low} to {high}").format(bits=int(bits), low=f"{low:.3g}", high=f"{high:.3g}")


def _texts(values: pd.Series) -> list[str]:
    return [value if isinstance(value, str) else f"{value:,}" for value in values]


def _columns(shown: pd.DataFrame) -> dict[str, Any]:
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    right, told = partial(text, alignment="right"), _("Multiply-accumulates an example; zeros count like any weight")
    count, work = _("Parameters"), _("MACs")
    return {
        "layer": text(_("Layer"), pinned=True),
        "shape": text(_("Shape")),
        "parameters": number(count, format="localized") if is_numeric_dtype(shown["parameters"]) else right(count),
        "nonzero": right(_("Non-zero")),
        "bits": right(_("Bits")),
        "bytes": right(_("Bytes")),
        "activations": text(_("Activations"), help=_("Bits and range of what the layer is given, rounded in simulation")),
        "macs": number(work, format="compact", help=told) if is_numeric_dtype(shown["macs"]) else right(work, help=told),
    }


def in_all(table: pd.DataFrame) -> str:
    """Return the sums of the table in a sentence."""
    sums = table[["parameters_before", "nonzero_after", "bytes_before", "bytes_after"]].sum()
    sentence = _(
        "In all {kept} of {parameters} parameters are not zero, and the tensors take {after} instead of {before} ({ratio} less); "
        "the file adds a header. Biases and norms stay at 32 bits."
    )
    return sentence.format(
        kept=format_count(sums["nonzero_after"]),
        parameters=format_count(sums["parameters_before"]),
        after=format_bytes(sums["bytes_after"]),
        before=format_bytes(sums["bytes_before"]),
        ratio=format_ratio(sums["bytes_before"] / max(sums["bytes_after"], 1)),
    )
