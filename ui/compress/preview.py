"""What the Compress page shows at once: the figures of the present setting, and its curves over sparsity and over bits."""

import functools
import html
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from compression.charts.numbers import format_bytes, format_percent, format_ratio
from compression.charts.style import MARK_COLOUR, ROLES
from compression.charts.sweep import describe_sweep
from compression.errors import LabError
from compression.runs import newest
from compression.runs.records import FINISHED, Run
from compression.steps import STEPS
from compression.steps.at_once import at_once
from compression.texts import gettext as _
from ui.compress.oddities import oddities, sparsity_text
from ui.compress.preview_jobs import COLUMNS, VALUES, Sketch, find
from ui.run import guessing
from ui.run.feed import watch
from ui.run.words import as_text, latency_text
from ui.widgets.live_chart import live_chart

CSS = Path(__file__).with_name("preview.css")
HELD = "compress-sketch"
PATIENCE_S = 0.25  # longer than the curves of a small network take
POLL_S = 0.3
HEIGHT = 320  # pixels
MOST_ACCURACIES_KEPT = 512
UNKNOWN = "–"
HERE = f'<i class="point" style="--mark: {MARK_COLOUR}"></i>'
ON_THE_LINE = f'<i class="point on-line" style="--mark: {MARK_COLOUR}; --line: {ROLES["compressed"].colour}"></i>'
AFTER = f'<i class="diamond" style="--mark: {ROLES["compressed"].colour}"></i>'


class Figure(NamedTuple):
    """One number at the top: what it is, its value, where it is from, and the mark that its curves have."""

    title: str
    value: str
    note: str
    mark: str = ""


def show(spec: Mapping[str, Any], run: Run | None, beside_run: DeltaGenerator) -> None:
    """Draw the figures and the curves of a spec, with what finished runs of the same network reached after recovery.

    Args:
        run: the finished run of this very spec, if it is on screen.
        beside_run: where the figures stand once more in one line, on a narrow screen that has the charts out of sight.
    """
    st.html(CSS)
    after = recovered(spec)
    try:
        sketch = _sketch(spec)
    except LabError as error:
        st.info(as_text(str(error)), icon=":material/hourglass_top:")
        if run is not None or any(len(points) for points in after.values()):  # else every figure and both charts would be empty
            _draw(spec, None, after, run, beside_run)
        return
    busy = sketch.late and not sketch.done

    def refresh() -> None:
        _draw(spec, sketch, after, run, beside_run)
        if busy and sketch.done:
            st.rerun(scope="app")

    st.fragment(refresh, run_every=POLL_S if busy else None)()
    if not sketch.done and not busy:
        sketch.late = True
        st.rerun()
    sketch.look_ahead()


def _sketch(spec: Mapping[str, Any]) -> Sketch:
    """Return this tab's sketch: the one it has while nothing changed, else a new one in its place."""
    held, new = st.session_state.get(HELD), Sketch(find(spec), spec["steps"])
    if held is not None and held.name == new.name:
        return held
    if held is not None:
        held.stop()
    st.session_state[HELD] = new
    new.start()
    return new


def _draw(
    spec: Mapping[str, Any],
    sketch: Sketch | None,
    after: Mapping[str, pd.DataFrame],
    run: Run | None,
    beside_run: DeltaGenerator,
) -> None:
    top = st.container()
    st.html(legend(spec["seeds"][0]))
    places = dict(zip(VALUES, st.columns(2, gap="small"), strict=True))
    for index, knob in enumerate(sketch.order if sketch else VALUES):
        if sketch:
            sketch.wait(knob, PATIENCE_S)
        if not index:
            told = measured(spec, sketch, run) if run else expected(spec, sketch)
            with top:
                figures(told)
            beside_run.html(glance(told))
        with places[knob]:
            _chart(spec, sketch, knob, after[knob])
    if sketch and sketch.error:
        st.warning(as_text(sketch.error), icon=":material/error:")


def _chart(spec: Mapping[str, Any], sketch: Sketch | None, knob: str, after: pd.DataFrame) -> None:
    other = {"sparsity": _("{bits} bits").format(bits=_knob(spec, "bits")), "bits": sparsity_text(_knob(spec, "sparsity"))}[knob]
    titles = {"sparsity": _("Over sparsity, at {other}"), "bits": _("Over bits, at {other}")}
    title = titles[knob].format(other=other)
    points = sketch.curve(knob) if sketch else pd.DataFrame(columns=COLUMNS, dtype=float)
    original = sketch.subject.accuracy if sketch else None
    channels = knob == "sparsity" and any(step.get("granularity") == "channel" for step in spec["steps"])
    looks = {"original": original, "height": HEIGHT, "legend": False, "title": title}
    looks |= {"across": _("Channels removed")} if channels else {}
    drawn = describe_sweep(points, knob, position=_knob(spec, knob), after=after, **looks)
    label = _("{title}: validation accuracy and file size before recovery").format(title=title)
    live_chart(json.dumps(drawn), key=f"sketch-{knob}", label=label, height=HEIGHT)
    told = (
        " ".join(oddities(points, knob, original, spec["steps"], guessing.level(spec)))
        if sketch and sketch.complete(knob)
        else ""
    )
    st.html(f'<div class="figures-remark">{html.escape(told)}</div>')


def _knob(spec: Mapping[str, Any], knob: str) -> float:
    return next(step[knob] for step in spec["steps"] if knob in step)


def figures(told: Sequence[Figure]) -> None:
    """Draw the numbers in one row, which keeps its height while they change."""
    boxes = "".join(
        f'<div class="{"waits" if figure.value == UNKNOWN else "known"}"><span>{figure.mark}{html.escape(figure.title)}</span>'
        f"<b>{html.escape(figure.value)}</b><small>{html.escape(figure.note)}</small></div>"
        for figure in told
    )
    with st.container(border=True):
        st.html(f'<div class="figures-frame"><div class="figures">{boxes}</div></div>')


def glance(told: Sequence[Figure]) -> str:
    """Return in one line what is known of accuracy and file, for a narrow screen."""
    before, *others = told[:3]
    before = before._replace(title=_("{title} (simulated)").format(title=before.title))
    known = [figure for figure in (before, *others) if figure.value != UNKNOWN]
    parts = [f"<span>{figure.mark}{html.escape(figure.title)} <b>{html.escape(figure.value)}</b></span>" for figure in known]
    return f'<div class="figures-key figures-glance">{"".join(parts)}</div>'


def legend(seed: int) -> str:
    """Return the key to both charts, which show one seed."""
    original, compressed = ROLES["original"].colour, ROLES["compressed"].colour
    keys = [
        (f'<i class="line" style="--mark: {compressed}"></i>', _("before recovery (simulated)")),
        (HERE, _("your setting")),
        (AFTER, _("after recovery")),
        (f'<i class="line dashed" style="--mark: {original}"></i>', _("original")),
    ]
    told = "".join(f"<span>{sign}{html.escape(text)}</span>" for sign, text in [*keys, ("", _basis(seed))])
    return f'<div class="figures-key">{told}</div>'


def _basis(seed: int) -> str:
    return _("validation images, seed {seed}").format(seed=seed)


def expected(spec: Mapping[str, Any], sketch: Sketch | None) -> list[Figure]:
    """Return what is known of the present setting before it ran."""
    here = sketch.here() if sketch else None
    simulated, size, smaller, how = UNKNOWN, UNKNOWN, "", _("simulated on validation images")
    if sketch and here:
        simulated, size = format_percent(here["accuracy"]), format_bytes(here["size_bytes"])
        how = _("simulated on {images:,} validation images, seed {seed}").format(
            images=sketch.subject.images, seed=spec["seeds"][0]
        )
        if any(STEPS[step["name"]].traits.get("at_once") for step in spec["steps"]):
            how = _("pruned at once, {how}").format(how=how)
        smaller = _smaller(sketch.subject.size_bytes, here["size_bytes"])
    return [
        Figure(_("Before recovery"), simulated, how, ON_THE_LINE),
        Figure(_("After recovery"), UNKNOWN, _("Run finds out") if trains(spec) else _("fine-tuning is off"), AFTER),
        Figure(_("File"), size, smaller),
        Figure(_("Latency of an image"), UNKNOWN, _("Run measures it")),
    ]


def trains(spec: Mapping[str, Any]) -> bool:
    """Tell whether a compression has a step that trains."""
    return any(step["name"] in STEPS and STEPS[step["name"]].traits.get("trains") for step in spec["steps"])


def measured(spec: Mapping[str, Any], sketch: Sketch | None, run: Run) -> list[Figure]:
    """Return what a finished run found, its accuracies on the images and for the seed of the curves; the card tells the test."""
    models, seed = (run.result or {})["models"], spec["seeds"][0]
    original, compressed = models["original"], models["compressed"]
    test = _("test, {seeds}: {accuracy}").format(seeds=_seeds(compressed), accuracy=format_percent(compressed["accuracy"]))
    reached = format_percent(_final_accuracy(run.id, seed))
    size = _smaller(original["size_bytes"], compressed["size_bytes"])
    latency = {role: latency_text(models[role], [*models.values()]) for role in ("original", "compressed")}
    simulated = compressed["latency_ms"].get("simulated")
    how = _("simulated: activations not rounded · original {ms}") if simulated else _("measured · original {ms}")
    after = Figure(_("After recovery"), reached, f"{_basis(seed)} · {test}", AFTER)
    if not trains(run.spec):
        after = Figure(_("After recovery"), UNKNOWN, f"{_('not fine-tuned')} · {test}", AFTER)
    return [
        expected(spec, sketch)[0],
        after,
        Figure(_("File"), format_bytes(compressed["size_bytes"]), size),
        Figure(_("Latency of an image"), latency["compressed"], how.format(ms=latency["original"])),
    ]


def _seeds(model: Mapping[str, Any]) -> str:
    seeds = len(model["per_seed"])
    return _("one seed") if seeds == 1 else _("mean of {seeds} seeds").format(seeds=seeds)


def _smaller(before: float, after: float) -> str:
    return _("{ratio} smaller than {before}").format(ratio=format_ratio(before / after), before=format_bytes(before))


def recovered(spec: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return for each knob what finished runs that differ in it alone reached.

    Columns: value, accuracy (validation, of the seed that the curves show), size_bytes.
    """
    done = [run for run in newest(states=(FINISHED,)) if run.kind == "compress" and run.result and trains(run.spec)]
    done = [run for run in done if all(step["name"] in STEPS for step in run.spec["steps"])]
    tables = {}
    for knob in VALUES:
        alike = [run for run in done if _without(run.spec, knob) == _without(spec, knob)]
        sizes = [run.result["models"]["compressed"]["size_bytes"] for run in alike]
        rows = [
            (_knob(run.spec, knob), _final_accuracy(run.id, spec["seeds"][0]), size)
            for run, size in zip(alike, sizes, strict=True)
        ]
        tables[knob] = pd.DataFrame(rows, columns=COLUMNS).dropna()
    return tables


def _without(spec: Mapping[str, Any], knob: str) -> Any:
    """Return what must agree for a run to lie on a curve; how it recovered may differ."""
    kept = [{name: value for name, value in step.items() if name != knob} for step in at_once(spec["steps"])]
    return spec["dataset"], spec["model"], spec["train"], kept


@functools.lru_cache(maxsize=MOST_ACCURACIES_KEPT)
def _final_accuracy(finished_run: str, seed: int) -> float:
    """Return what one seed of a run reached on the validation images; NaN if the run has no such seed."""
    frame = watch(finished_run).frame
    rows = frame[(frame["role"] == "compressed") & (frame["metric"] == "val_accuracy") & (frame["seed"] == seed)]
    return float(rows["value"].iloc[-1]) if len(rows) else math.nan
