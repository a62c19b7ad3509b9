"""The layers of a network before and after compression, side by side."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from compression.charts.numbers import format_bytes, format_count, format_ratio
from compression.runs.records import Event
from compression.texts import gettext as _

TALLEST = 460  # pixels
ROW, HEAD = 35, 38  # pixels
SUFFIXES = ("_before", "_after")
COLUMNS = (
    *("layer", "shape", "parameters", "nonzero_before", "nonzero_after"),
    *("bits_before", "bits_after", "bytes_before", "bytes_after", "macs"),
)


def layers(events: Iterable[Event]) -> pd.DataFrame | None:
    """Return a row a layer of the first seed that has both tables, before and after; None before that.

    Columns: layer, kind, shape (as text), parameters, macs, and each of nonzero, bits, bytes with `_before` and `_after`.
    """
    told: dict[tuple[str, Any], Sequence[Mapping[str, Any]]] = {
        (event.payload["role"], event.payload.get("seed")): event.payload["rows"] for event in events if event.type == "layers"
    }
    for role, seed in told:
        if role == "original" and ("compressed", seed) in told:
            before, after = (pd.DataFrame(told[part, seed]) for part in ("original", "compressed"))
            both = before.merge(after.drop(columns=["kind", "shape", "parameters", "macs"]), on="layer", suffixes=SUFFIXES)
            both["shape"] = [" × ".join(map(str, shape)) for shape in both["shape"]]
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
    height = min(HEAD + ROW * len(table), TALLEST)
    st.dataframe(table[[*COLUMNS]], column_config=_columns(), hide_index=True, height=height)
    st.caption(in_all(table))


def _columns() -> dict[str, Any]:
    number = st.column_config.NumberColumn
    after = _("{what} after")
    return {
        "layer": st.column_config.TextColumn(_("Layer"), pinned=True),
        "shape": st.column_config.TextColumn(_("Shape")),
        "parameters": number(_("Parameters"), format="localized"),
        "nonzero_before": number(_("Non-zero"), format="localized"),
        "nonzero_after": number(after.format(what=_("Non-zero")), format="localized"),
        "bits_before": number(_("Bits")),
        "bits_after": number(after.format(what=_("Bits"))),
        "bytes_before": number(_("Bytes"), format="localized"),
        "bytes_after": number(after.format(what=_("Bytes")), format="localized"),
        "macs": number(_("MACs"), format="localized", help=_("Multiply-accumulates an example; zeros count like any weight")),
    }


def in_all(table: pd.DataFrame) -> str:
    """Return the sums of the table in a sentence."""
    sums = table[["parameters", "nonzero_after", "bytes_before", "bytes_after"]].sum()
    sentence = _(
        "In all {kept} of {parameters} parameters are not zero, and the tensors take {after} instead of {before} ({ratio} less); "
        "the file adds a header. Biases and norms stay at 32 bits."
    )
    return sentence.format(
        kept=format_count(sums["nonzero_after"]),
        parameters=format_count(sums["parameters"]),
        after=format_bytes(sums["bytes_after"]),
        before=format_bytes(sums["bytes_before"]),
        ratio=format_ratio(sums["bytes_before"] / max(sums["bytes_after"], 1)),
    )
