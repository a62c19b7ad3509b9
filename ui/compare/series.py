"""Runs that differ in one setting alone: what is worth a look side by side, found among all runs."""

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from compression.runs.records import Run
from compression.texts import gettext as _
from ui.frame.pages import COMPARE
from ui.run.differences import MISSING, MOST_COMPARED, flatten, in_common, ordered, setting_title, settings_rows
from ui.run.words import as_text, dataset, networks

MOST_OFFERED = 6
FEWEST_RUNS = 3


class Series(NamedTuple):
    """Runs in the order of the one setting in which they differ, with its values as text."""

    path: str
    values: tuple[str, ...]
    runs: tuple[Run, ...]


def find(runs: Sequence[Run]) -> list[Series]:
    """Return the sets of runs that differ in one setting alone, the largest first; of runs with equal settings, the newest.

    Args:
        runs: newest first.
    """
    found = []
    for kind in sorted({run.kind for run in runs}):
        alike = list({run.hash: run for run in reversed(runs) if run.kind == kind}.values())
        rows = settings_rows(alike)
        specs = [tuple(values[index] for values in rows.values()) for index in range(len(alike))]
        for place, path in enumerate(rows):
            groups: dict[tuple[str, ...], list[Run]] = {}
            for run, spec in zip(alike, specs, strict=True):
                if spec[place] != MISSING:
                    groups.setdefault((*spec[:place], *spec[place + 1 :]), []).append(run)
            found += [_series(path, group) for group in groups.values() if len(group) >= FEWEST_RUNS]
    return sorted(found, key=lambda series: (-len(series.runs), -max(run.created for run in series.runs)))


def _series(path: str, runs: Sequence[Run]) -> Series:
    runs = ordered(runs)[:MOST_COMPARED]
    return Series(path, tuple(flatten(run.spec).get(path, MISSING) for run in runs), tuple(runs))


def offer(runs: Sequence[Run]) -> None:
    """Draw a link for each series that opens it side by side; nothing where there is none."""
    if not (offered := find(runs)[:MOST_OFFERED]):
        return
    names = labels(offered)
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="compare-series"):
        st.caption(_("Runs that differ in one setting:"), width="content")
        for series, name in zip(offered, names, strict=True):
            query = {"runs": ",".join(run.id for run in series.runs)}
            looks = {"icon": ":material/stacked_line_chart:", "help": as_text(in_common(series.runs))}
            st.page_link(COMPARE.page(), label=as_text(name), query_params=query, **looks)


def labels(offered: Sequence[Series]) -> list[str]:
    """Return series in words, `Temperature T 1, 4, 20`; with what they are about where two are of the same setting."""
    paths = [series.path for series in offered]
    told = []
    for series in offered:
        name = f"{setting_title(series.path)} {shortened(series.values)}"
        about = {f"{networks(run)}, {dataset(run)}" for run in series.runs}
        told.append(name if paths.count(series.path) == 1 else f"{name} · {about.pop()}")
    return told


def shortened(values: Sequence[str], most: int = 6) -> str:
    """Return values as a list in words, the middle of a long one left out."""
    if len(values) > most:
        return ", ".join([*values[: most - 1], "…", values[-1]])
    return ", ".join(values)
