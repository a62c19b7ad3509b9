"""The queue and the history in one table; marking a row opens the run."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from compression.errors import NotFoundError
from compression.runs import newest
from compression.runs.records import QUEUED, Run
from compression.texts import gettext as _
from ui.address.settings import RUN, Address, plain, refused
from ui.run.current import show_from_now
from ui.run.feed import Watch, watch
from ui.run.words import STATES, State, age_text, dataset, owner_text, progress_text, what
from ui.widgets import row_selection
from ui.widgets.table_height import table_height

PAGE, KEY = "runs", "runs-table"
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


def owner_control(address: Address) -> bool:
    """Draw the choice between everybody's runs and one's own, and tell whether it is one's own."""
    names = {"all": _("Everybody's"), "mine": _("Mine")}

    def understand(text: str) -> str:
        if text not in names:
            raise refused(_("the runs of"), text, _("allowed is one of {names}").format(names=", ".join(names)), "all")
        return text

    address.read("show", "all", understand)
    looks = {"format_func": names.get, "required": True, "label_visibility": "collapsed", "persist_state": "session"}
    chosen = st.segmented_control(_("Runs"), names, key=address.key("show"), **looks)
    address.keep("show", chosen)
    return chosen == "mine"


def show(runs: Sequence[Run], chosen: str | None, viewer: str) -> None:
    """Draw the table with the chosen run marked; marking another opens it."""
    ids = [run.id for run in runs]
    row_selection.hold(KEY, ids, [chosen] if chosen else [])

    def keep() -> None:
        show_from_now(PAGE, next(iter(row_selection.marked(KEY, ids)), None))

    signs = {sign(state): state.colour for state in STATES.values()}
    columns = ["state", "what", "dataset", "progress", "now", "age", "owner", "device"]
    if not any(run.active for run in runs):
        columns.remove("progress")
    st.dataframe(
        pd.DataFrame([row(run, viewer) for run in runs]),
        key=KEY,
        height=table_height(len(runs), MOST_ROWS_SHOWN),
        hide_index=True,
        on_select=keep,
        selection_mode="single-row",
        placeholder="",
        column_order=columns,
        column_config={
            # Chips in colours: a table styled by pandas costs the server four times as much at each poll.
            "state": st.column_config.MultiselectColumn(_("State"), width=120, options=list(signs), color=list(signs.values())),
            "what": st.column_config.TextColumn(_("What"), width=262),
            "dataset": _("Dataset"),
            "progress": st.column_config.ProgressColumn(_("Progress"), min_value=0, max_value=100, format="%d %%", width=95),
            "now": st.column_config.TextColumn(_("Details"), width=185 if "progress" in columns else 280),
            "age": _("Queued"),
            "owner": _("Owner"),
            "device": _("Device"),
        },
    )


def sign(state: State) -> str:
    """Return a state's word with its sign, so that it is not known by colour alone."""
    return f"{state.sign} {_(state.title)}"


def row(run: Run, viewer: str) -> dict[str, Any]:
    """Return a run as the table shows it."""
    return {
        "state": [sign(STATES[run.state])],
        "what": what(run),
        "dataset": dataset(run),
        "progress": 100 * run.fraction if run.active else None,
        "now": progress_text(run),
        "age": age_text(run.created),
        "owner": owner_text(run.owner, viewer),
        "device": run.device,
    }


def signature(runs: list[Run]) -> list[tuple[str, str, bool]]:
    """Return what the whole page depends on: a change of it draws the page anew, progress alone does not."""
    return [(run.id, run.state, run.cancelling) for run in runs]
