"""A card on the page Papers: the claim, the figures of the paper and of the lab, whether it is reached, and the way to run it."""

import html
import re
from pathlib import Path

import streamlit as st

from compression.card_figures import NOT_RUN
from compression.card_records import asked_for
from compression.cards import CPU, Card
from compression.fields import unused_fields
from compression.spec import override
from compression.sweep import Sweep
from compression.texts import gettext as _
from ui.address.link_of_run import page_of_kind, settings_of, swept_settings
from ui.frame.pages import RUNS, Place
from ui.papers import duration, words
from ui.papers.found import Known, known
from ui.run.sweep_outcome import Found, figure
from ui.run.words import as_text
from ui.widgets.live_chart import live_chart

CSS = Path(__file__).with_name("papers.css")
ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")


def show(found: Known) -> None:
    """Draw a card with what is known of it within the budget for a CPU, and what its full budget takes."""
    with st.container(border=True, key=f"card-{found.card.name}", gap="small"):
        left, right = st.columns([5, 7], gap="medium")
        with left:
            _claim(found)
        with right:
            st.html(_table(found))
            _maps(found)
            _budgets(found)
        _ways(found)


def _claim(found: Known) -> None:
    card, (word, icon, colour) = found.card, words.badge(found)
    st.markdown(f"**{as_text(_(card.title))}** :{colour}-badge[{icon} {as_text(_(word))}]")
    st.caption(_source(card.source))
    st.markdown(as_text(_(card.says)))
    title, told = words.criterion(found)
    lines = "".join(f"<li><b>{sign}</b>{html.escape(sentence)}</li>" for sign, sentence in told)
    st.html(f'<div class="paper-criterion"><span>{html.escape(title)}</span><ul>{lines}</ul></div>')


def _source(source: str) -> str:
    """Return a source in which an arXiv number is a link."""
    found = ARXIV.search(source)
    if not found:
        return as_text(source)
    before, after = source[: found.start()], source[found.end() :]
    return f"{as_text(before)}[arXiv:{found[1]}](https://arxiv.org/abs/{found[1]}){as_text(after)}"


def _table(found: Known) -> str:
    rows = [words.row(figure, found) for figure in found.card.figures]
    measured, here = any(row.known for row in rows), any(row.here for row in rows)
    heads = [_("Figure"), _("Paper"), *([_("This lab"), _("Gap")] if measured else []), *([_("Runs here")] if here else [])]
    body = "".join(_line(row, measured=measured, here=here) for row in rows)
    head = "".join(f"<th>{html.escape(title)}</th>" for title in heads)
    return f'<table class="paper-figures"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _line(row: words.Row, *, measured: bool, here: bool) -> str:
    unknown = "" if row.known else "unknown"
    ours = [_cell(row.ours, small=row.interval, look=unknown), _cell(row.gap)] if measured else []
    return f"<tr>{''.join([_cell(row.what), _cell(row.paper), *ours, *([_cell(row.here)] if here else [])])}</tr>"


def _cell(text: str, *, small: str = "", look: str = "") -> str:
    note = f"<small>{html.escape(small)}</small>" if small else ""
    return f'<td class="{look}">{html.escape(text)}{note}</td>'


def _maps(found: Known) -> None:
    """Draw what the sweeps of a card found, beside each other in one scale of colours."""
    drawn = {part: told["cells"] for part, told in {**found.here, **found.results}.items() if "cells" in told}
    if not drawn:
        return
    # A record names no runs: they are of another server.
    every = {part: [{"run": "", **cell} for cell in cells] for part, cells in drawn.items()}
    reached = [cell["models"]["student"]["accuracy"] for cells in every.values() for cell in cells]
    for column, (part, cells) in zip(st.columns(len(every)), every.items(), strict=True):
        title = _(found.card.parts[part].title)
        chart = figure(Found(cells, found.card.spec_of(part)["over"]), "accuracy", f"{found.card.name}-{part}")
        chart.update_traces(zmin=min(reached), zmax=max(reached), selector={"type": "heatmap"})
        with column:
            st.caption(as_text(title))
            live_chart(chart, key=f"map-{found.card.name}-{part}", label=_("Test accuracy: {title}").format(title=title))


def _budgets(found: Known) -> None:
    """Draw what each budget takes, and whether, when and on what it was measured; then what differs from the paper."""
    card = found.card
    for which in card.budgets:
        told = found if which == CPU else known(card, which)
        time = duration.about(card, card.parts) if which == CPU else ""
        here = "; " + _("{about_time} here").format(about_time=time) if time else ""
        line = f"{words.budget(card, which)}{here}; {words.measured(told)}"
        if which != CPU and told.standing != NOT_RUN:
            line += f": {_(words.badge(told)[0]).lower()}"
        st.caption(f"**{as_text(_(words.BUDGETS[which]))}:** {as_text(line)}.")
    st.caption(f"**{as_text(_('Why figures differ:'))}** {as_text(_(card.differs))}")


def _ways(found: Known) -> None:
    """Draw the links that set the controls to a card's runs, and those to runs of it that have finished here."""
    card = found.card
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        for part, told in card.parts.items():
            if _repeats_a_step(card, part):
                continue
            place, query = _settings(card, part)
            label = _("Open on {page}").format(page=_(place.title)) + (f": {_(told.title)}" if part else "")
            time = duration.about(card, [part])
            label += f" ({time})" if time else ""
            st.page_link(place.page(), label=label, icon=place.icon, query_params=query)
        for part, run in found.runs.items():
            label = _("Its run here: {title}").format(title=_(card.parts[part].title)) if part else _("Its run here")
            st.page_link(RUNS.page(), label=label, icon=RUNS.icon, query_params={"run": run})
        if any(_repeats_a_step(card, part) for part in card.parts):
            st.caption(_("It repeats a step, which only the command line can:"))
        st.caption(f"`python -m compression run --card {card.name}`")


def _repeats_a_step(card: Card, part: str) -> bool:
    """Tell whether a card's compression takes a step twice: the page Compress takes each once."""
    names = [step["name"] for step in card.spec_of(part).get("steps", ())]
    return len(set(names)) < len(names)


def _settings(card: Card, part: str) -> tuple[Place, dict[str, str]]:
    """Return the page that takes the settings of a card's run, and the address that asks for those that the page has."""
    request = asked_for(card, part)
    swept = isinstance(request, Sweep)
    spec = override(request.base, []) if isinstance(request, Sweep) else request.to_json()
    place, unused = page_of_kind(spec["kind"]), unused_fields(spec.get("scheme")) if "scheme" in spec else {}
    assert place is not None
    left_out = ["dataset.split_seed", *unused, *(["teacher.from"] if "teacher.run" in unused else [])]
    named = {
        name: text
        for name, text in settings_of(spec).items()
        if not any(name == field or name.startswith(f"{field}.") for field in left_out)
    }
    return place, named | (swept_settings(request.over) if swept else {})
