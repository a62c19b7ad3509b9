"""The queue and the history in one table; marking a row opens the run."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from compression.errors import NotFoundError
from compression.runs import newest
from compression.runs.records import FINISHED, QUEUED, Run
from compression.texts import gettext as _
from ui.address.settings import RUN, Address, plain
from ui.frame.pages import COMPARE
from ui.run.current import show_from_now, shown
from ui.run.differences import MOST_COMPARED
from ui.run.feed import Watch, watch
from ui.run.outcome import Outcome, outcome
from ui.run.words import STATES, age_text, dataset, networks, owner_text, progress_text, sign
from ui.server.identity import colour_of
from ui.widgets import row_selection
from ui.widgets.table_height import table_height

PAGE, KEY, MARKED = "runs", "runs-table", "runs-marked"
MOST_RUNS = 200
MOST_ROWS_SHOWN = 8


def read(fresh_s: float = 0.0) -> list[Run]:
    """Return the newest runs: those at work first, then those that wait, the longest first, then the history.

    Args:
        fresh_s: how many seconds old they may be; those who look at the page share what one of them read.
    """
    runs = newest(MOST_RUNS, fresh_s=fresh_s)
    queue = sorted((run for run in runs if run.active), key=lambda run: (run.state == QUEUED, run.created))
    return [*queue, *(run for run in runs if not run.active)]


def chosen_run(address: Address) -> Watch | None:
    """Return the run that is chosen; an unknown one is told in one sentence."""
    name = address.read(RUN, None)
    try:
        seen = watch(name) if name else None
    except NotFoundError:
        address.notes.append(_("There is no run “{id}”; it may have been deleted.").format(id=plain(name)))
        seen = None
    show_from_now(address.page, seen and seen.run.id)
    address.keep(RUN, seen.run.id if seen else "")
    return seen


def marked() -> list[str]:
    """Return the runs whose rows are marked, the last marked one last; that is the one that is open."""
    chosen = shown(PAGE)
    marks = st.session_state.setdefault(MARKED, [])
    if marks[-1:] != ([chosen] if chosen else []):
        marks = st.session_state[MARKED] = [chosen] if chosen else []
    return marks


def show(runs: Sequence[Run], told: Mapping[str, str], viewer: str) -> None:
    """Draw the table with the marked runs; the run of the row that is marked last opens.

    Args:
        runs: those that are shown, in their order.
        told: what sets each apart from all others.
        viewer: who looks at it.
    """
    ids, marks = [run.id for run in runs], marked()
    row_selection.hold(KEY, ids, marks)

    def keep() -> None:
        now = row_selection.marked(KEY, ids)
        kept = [run for run in marks if run in now or run not in ids]
        st.session_state[MARKED] = [*kept, *(run for run in now if run not in kept)]
        show_from_now(PAGE, next(reversed(st.session_state[MARKED]), None))

    working = any(run.active for run in runs)
    shown_columns = columns(working, {owner_text(run.owner, viewer): colour_of(run.owner) for run in runs})
    st.dataframe(
        pd.DataFrame([row(run, told[run.id], viewer) for run in runs]),
        key=KEY,
        height=table_height(len(runs), MOST_ROWS_SHOWN),
        hide_index=True,
        on_select=keep,
        selection_mode="multi-row",
        placeholder="",
        column_order=[name for name in shown_columns if working or name != "progress"],
        column_config=shown_columns,
    )


def columns(working: bool, owners: Mapping[str, str]) -> dict[str, Any]:
    """Return the columns of the table; with runs at work there is room for their progress; `owners` have colours."""
    signs = {sign(state): state.colour for state in STATES.values()}
    gain = _(
        "The verdict, and by how many points the student differs from its baseline or from the network that is named, or the"
        " compressed network from its original"
    )
    return {
        # Chips in colours: a table styled by pandas costs the server four times as much at each poll.
        "state": st.column_config.MultiselectColumn(_("State"), width=122, options=list(signs), color=list(signs.values())),
        "owner": st.column_config.MultiselectColumn(_("Owner"), width=112, options=list(owners), color=list(owners.values())),
        "what": st.column_config.TextColumn(_("What"), width=185 if working else 225),
        "settings": st.column_config.TextColumn(_("Settings"), width=158, help=_("What differs from runs of the same networks")),
        "accuracy": st.column_config.NumberColumn(_("Accuracy"), format="%.1f %%", width=76, help=_("Test accuracy")),
        "progress": st.column_config.ProgressColumn(_("Progress"), min_value=0, max_value=100, format="%d %%", width=90),
        "now": st.column_config.TextColumn(_("Outcome"), width=186 if working else 248, help=gain),
        "age": st.column_config.TextColumn(_("Queued"), width=88),
        "dataset": _("Dataset"),
        "device": _("Device"),
    }


def compare_link(runs: Sequence[Run]) -> None:
    """Draw the way to Compare with the marked runs, or with all that are shown where these are few."""
    finished = [run.id for run in runs if run.state == FINISHED]
    marks = [run for run in marked() if run in finished]
    chosen = marks if len(marks) > 1 else finished
    if not 1 < len(chosen) <= MOST_COMPARED:
        st.caption(_("Mark rows of two or more finished runs, by keyboard with Shift and Space, to compare them."))
        return
    title = _("Compare the {count} marked runs") if chosen is marks else _("Compare these {count} runs")
    query = {"runs": ",".join(chosen)}
    st.page_link(COMPARE.page(), label=title.format(count=len(chosen)), icon=COMPARE.icon, query_params=query)


def row(run: Run, settings: str, viewer: str) -> dict[str, Any]:
    """Return a run as the table shows it; `settings` is what sets it apart."""
    found = outcome(run) if run.state == FINISHED else Outcome()
    return {
        "state": [sign(STATES[run.state])],
        "what": run.title or networks(run),
        "settings": settings,
        "accuracy": None if found.accuracy is None else 100 * found.accuracy,
        "dataset": dataset(run),
        "progress": 100 * run.fraction if run.active else None,
        "now": " · ".join(filter(None, [found.sentence, progress_text(run)])),
        "age": age_text(run.created),
        "owner": [owner_text(run.owner, viewer)],
        "device": run.device,
    }


def signature(runs: list[Run]) -> list[tuple[str, str, bool]]:
    """Return what the whole page depends on: a change of it draws the page anew, progress alone does not."""
    return [(run.id, run.state, run.cancelling) for run in runs]
