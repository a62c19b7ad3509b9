"""What a person can do with a run: cancel, resume, run again, delete."""

from collections.abc import Callable

import streamlit as st

from compression import runs
from compression.errors import LabError, NotFoundError
from compression.runs import store
from compression.runs.records import COMMAND_LINE, RESUMABLE, RUNNING, Run
from compression.texts import gettext as _
from ui.address.link_of_run import page_with_settings
from ui.frame.pages import COMPARE
from ui.server.identity import display_name, owner

SAID = "runs-said"


def show(run: Run) -> None:
    """Draw the buttons that make sense for the run's state; only its owner may change it."""
    mine = run.owner == owner()
    with st.container(horizontal=True, vertical_alignment="center"):
        if mine and run.active:
            cancelling = run.cancelling
            label = _("Cancelling …") if cancelling else _("Cancel")
            st.button(
                label, icon=":material/stop_circle:", on_click=_cancel, args=(run.id,), disabled=cancelling, key="runs-cancel"
            )
        if mine and run.state in RESUMABLE and run.spec:
            st.button(_("Resume"), icon=":material/resume:", on_click=_resume, args=(run.id,), key="runs-resume")
        if not run.active and run.spec:
            st.button(_("Run again"), icon=":material/replay:", on_click=_again, args=(run,), key="runs-again")
        if (link := page_with_settings(run)) is not None:
            place, query = link
            label = _("Settings in {page}").format(page=_(place.title))
            st.page_link(place.page(), label=label, icon=place.icon, query_params=query)
        if run.result is not None:
            st.page_link(COMPARE.page(), label=_("Open in Compare"), icon=COMPARE.icon, query_params={"runs": run.id})
        if mine and run.state != RUNNING:
            _delete_button(run)
    if not mine:
        st.caption(whose(run))


def whose(run: Run) -> str:
    """Return why someone else's run cannot be changed here, and where it can."""
    if run.owner == COMMAND_LINE:
        return _("This run was started on the command line; there it can be cancelled, resumed or deleted, too.")
    sentence = _("This run belongs to {owner}; only its owner can cancel, resume or delete it.")
    return sentence.format(owner=display_name(run.owner))


def _delete_button(run: Run) -> None:
    with st.popover(_("Delete"), icon=":material/delete:", key="runs-delete"):
        st.markdown(_("Delete this run with its curves and files? It cannot be brought back."))
        st.button(_("Delete for good"), type="primary", on_click=_delete, args=(run.id,), key="runs-delete-sure")


def tell() -> None:
    """Say once how the last action went."""
    went_well, sentence = st.session_state.pop(SAID, (True, ""))
    if sentence and went_well:
        st.toast(sentence, icon=":material/check:")
    elif sentence:
        st.error(sentence, icon=":material/error:")


def _attempt(action: Callable[[], object], sentence: str) -> bool:
    try:
        action()
    except NotFoundError:  # the page itself says that the run is gone
        return False
    except LabError as error:
        st.session_state[SAID] = (False, str(error))
        return False
    st.session_state[SAID] = (True, sentence)
    return True


def _cancel(run_id: str) -> None:
    _attempt(lambda: store().cancel(run_id, owner=owner()), _("The run ends within a second."))


def _resume(run_id: str) -> None:
    _attempt(lambda: runs.resume(run_id, owner=owner()), _("The run waits to go on where it was."))


def _again(run: Run) -> None:
    def submit() -> None:
        from compression.spec import parse

        st.query_params["run"] = runs.submit(parse(run.spec), owner=owner(), title=run.title)

    _attempt(submit, _("The same settings wait to run again."))


def _delete(run_id: str) -> None:
    if _attempt(lambda: store().delete(run_id, owner=owner()), _("The run is deleted.")):
        st.query_params.pop("run", None)
