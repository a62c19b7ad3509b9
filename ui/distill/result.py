"""The right side of the Distill page: what to do first, the curves as they grow, and what came out."""

import functools
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pandas as pd
import streamlit as st

from compression.charts.curves import describe_learning_curves, metric_title
from compression.data import DATASETS
from compression.roles import role_title
from compression.runs.records import FINISHED, Run
from compression.schemes import OFFLINE, made_sizes
from compression.texts import gettext as _
from ui.address.settings import Address
from ui.distill import closer
from ui.run import current, example, nearest, result_cards
from ui.run.downloads import download_row
from ui.run.feed import Watch, watch
from ui.run.live import follow
from ui.run.verdicts import verdicts, what_helps
from ui.run.words import (
    age_text,
    as_text,
    expected_roles,
    has_teacher,
    network,
    networks,
    other_task,
    settings_text,
    titles,
    together,
    what,
)
from ui.widgets.live_chart import live_chart

TALL, LOW = 320, 260  # pixels
PALE = 0.7


def curves(frame: pd.DataFrame, metric: str, spec: Mapping[str, Any], revision: str) -> dict[str, Any]:
    """Return one chart of a distillation, its legend and its axis complete from the first moment."""
    roles = expected_roles("distill", spec)
    if metric == "agreement":
        # With a teacher that is trained along with the student no other network can be compared.
        roles = ["student"] if together(spec) else [role for role in roles if role != "teacher"]
    height = TALL if metric == "val_accuracy" else LOW
    looks = {"height": height, "legend": metric == "val_accuracy", "revision": revision, "titles": titles(spec)}
    return describe_learning_curves(frame, metric, roles=roles, epochs=spec["train"]["epochs"], **looks)


@functools.cache
def example_figure() -> str:
    """Return the curves of the run that comes with the lab, pale and marked as an example."""
    chart = curves(example.frame(), "val_accuracy", example.run()["spec"], "example")
    mark = {"text": _("Example"), "showarrow": False, "font": {"size": 54}, "opacity": 0.18}
    chart["layout"]["annotations"] = [{**mark, "xref": "paper", "yref": "paper", "x": 0.62, "y": 0.35}]
    return json.dumps(_of_before(chart, PALE))


def _of_before(chart: dict[str, Any], opacity: float) -> dict[str, Any]:
    """Return the chart of a run that was there before, its curves known from those of a run that starts here."""
    for trace in chart["data"]:
        trace |= {"opacity": opacity * trace.get("opacity", 1.0), "meta": f"example-{trace['meta']}"}
    return chart


def charts(spec: dict, seen: Watch) -> None:
    """Draw a run's accuracy, loss and agreement; nothing for a run that ended before it had any."""
    if seen.frame.empty and not seen.run.active:
        return
    places = [st.container(), *st.columns(2 if "teacher" in expected_roles("distill", spec) else 1, gap="small")]
    labels = {
        "val_accuracy": _("Validation accuracy of {roles} over epochs").format(roles=", ".join(_named(spec))),
        "loss": _("Training and validation loss over epochs"),
        "agreement": _("{metric} over epochs").format(metric=metric_title("agreement", titles(spec))),
    }
    for place, (metric, label) in zip(places, labels.items(), strict=False):  # without a teacher of its task: no agreement
        draw = functools.partial(curves, spec=spec, revision=seen.run.id)
        figure = seen.figure(metric, lambda frame, metric=metric, draw=draw: draw(frame, metric))
        with place:
            live_chart(figure, key=f"distill-chart-{metric}", label=label, height=TALL if metric == "val_accuracy" else LOW)


def _named(spec: Mapping[str, Any]) -> list[str]:
    return [role_title(role, titles(spec)).lower() for role in expected_roles("distill", spec)]


def _invitation(spec: Mapping[str, Any] | None) -> str:
    if spec is None:
        return _("**These settings cannot run**: below the controls it says why.")
    if not has_teacher(spec):
        sentence = _("**Press Run.** Your student learns twice: alone, as the baseline, and with {help}. No teacher is trained.")
        return sentence.format(help=what_helps(spec))
    if task := other_task(spec):
        sentence = _(
            "**Press Run.** Your student learns twice: alone, as the baseline, and from a teacher of another task, {data}."
        )
        return sentence.format(data=as_text(_(DATASETS[task].title)))
    if made_sizes(SimpleNamespace(**{"scheme": OFFLINE, **spec})):
        sentence = _(
            "**Press Run.** Your student learns without an image, from its teacher's answers to what {help} makes; another"
            " one from its answers to noise; and the baseline alone, from images with their labels."
        )
        return sentence.format(help=what_helps(spec))
    if together(spec):
        return _(
            "**Press Run.** Your student learns twice: alone, as baseline, and with a {whom} that starts from scratch, too."
        ).format(whom=role_title("teacher", titles(spec)).lower())
    return _("**Press Run.** Your student learns twice: alone, as the baseline, and with its teacher's help.")


def invite(spec: Mapping[str, Any] | None) -> None:
    """Say what pressing Run will do, over an example of what comes of it.

    Args:
        spec: what the controls ask for now; None where that cannot run.
    """
    with st.container(border=True, key="invitation"):
        st.markdown(_invitation(spec))
        st.caption(_("The curves grow below while it trains; the verdict takes this place. Closing the tab does not stop a run."))
    near = nearest.find(spec) if spec is not None else None
    with st.container(border=True, key="example"):
        if near is None or not _show_nearest(near):
            _show_example()


def _show_nearest(near: nearest.Nearest) -> bool:
    """Draw the curves and the verdict of the run nearest to the settings, and the way to it; tell whether it has curves."""
    run, seen = near.run, watch(near.run.id)
    if seen.frame.empty:
        return False
    words = f"{near.told} {networks(run)} · {age_text(run.created)}"
    badge = _("Nearest finished run") if near.rows else _("Finished run")
    st.markdown(f":gray-badge[{badge}] :gray[{as_text(words)}]")
    draw = functools.partial(curves, metric="val_accuracy", spec=run.spec, revision=run.id)
    opacity = PALE if near.rows else 1.0
    figure = seen.figure(("before", opacity), lambda frame: _of_before(draw(frame), opacity))
    label = _("{badge}: validation accuracy over epochs").format(badge=badge)
    live_chart(figure, key="distill-example", label=label, height=TALL)
    answer = verdicts("distill", run.result or {}, run.spec)[0]
    st.caption(as_text(f"{answer.question} {answer.word}. {answer.sentence}"))
    looks = {"icon": ":material/open_in_full:", "type": "tertiary", "key": "open-nearest"}
    if st.button(_("Open this run"), help=_("The controls take its settings; Back brings yours back."), **looks):
        current.open_with_settings(run.id)
    return True


def _show_example() -> None:
    """Draw the curves and the verdict of the run that comes with the lab."""
    kept = example.run()
    spec = kept["spec"]
    told = _("{student} learned from {teacher}, {loss}, on {images} images of {data}; made on {date}.").format(
        student=network(spec["student"]),
        teacher=network(spec["teacher"]),
        loss=settings_text(spec),
        images=spec["transfer"]["images"],
        data=_(DATASETS[spec["dataset"]["name"]].title),
        date=kept["made"],
    )
    st.markdown(":gray-badge[{word}] :gray[{told}]".format(word=_("Example, not your run"), told=as_text(told)))
    label = _("Example: validation accuracy of teacher, baseline and student over epochs")
    live_chart(example_figure(), key="distill-example", label=label, height=TALL)
    answer = verdicts("distill", kept["result"], spec)[0]
    st.caption(as_text(f"{answer.question} {answer.word}. {answer.sentence}"))


def show(address: Address, run: Run, wanted: dict | None) -> None:
    """Draw a run: its standing or its verdict, its curves, and once it has finished its result.

    Args:
        address: of the page, which holds how one looks closer.
        wanted: the spec that the controls ask for now, to say when it is another than the run's.
    """
    changed = wanted is not None and wanted != run.spec
    told = [what(run), settings_text(run.spec), *([_("the controls have changed since")] if changed else [])]
    st.caption(as_text(" · ".join(filter(None, told))))
    follow(run.id, lambda seen: charts(run.spec, seen))
    if run.state == FINISHED and run.result:
        result_cards.show_roles(run)
        closer.draw(address, run)
    download_row(run)
