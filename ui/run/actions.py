"""What a person can do with a run: cancel, resume, run again, delete; and how that went."""

from collections.abc import Callable

import streamlit as st

from compression import runs
from compression.errors import LabError, NotFoundError
from compression.runs import store
from compression.runs.lecturer import Lecturer
from compression.runs.records import COMMAND_LINE, QUEUED, RESUMABLE, RUNNING, Run
from compression.texts import gettext as _
from ui.address.link_of_run import page_of_sweep, page_with_settings
from ui.frame.pages import COMPARE
from ui.run.current import show_from_now
from ui.run.words import as_text
from ui.server import lecturer_session
from ui.server.identity import display_name, owner

OUTCOME = "run-action-outcome"


def buttons(run: Run) -> None:
    """Draw every button that makes sense for the run's state; only its owner may change it."""
    mine = run.owner == owner()
    with st.container(horizontal=True, vertical_alignment="center"):
        cancel_button(run)
        _front_button(run)
        resume_button(run)
        if not run.active and run.spec:
            st.button(_("Run again"), icon=":material/replay:", on_click=_again, args=(run,), key="run-again")
        if (link := page_with_settings(run)) is not None:
            place, query = link
            label = _("Settings in {page}").format(page=_(place.title))
            st.page_link(place.page(), label=label, icon=place.icon, query_params=query)
        if (link := page_of_sweep(run)) is not None:
            place, query = link
            st.page_link(place.page(), label=_("Open its sweep"), icon=":material/stacks:", query_params=query)
        if run.result is not None:
            st.page_link(COMPARE.page(), label=_("Open in Compare"), icon=COMPARE.icon, query_params={"runs": run.id})
        if mine and run.state != RUNNING:
            _delete_button(run)
    if not mine and lecturer_session.current() is None:
        st.caption(not_yours(run))


def cancel_button(run: Run) -> None:
    """Draw the button that cancels a run, if it is at work or waits and belongs to who looks at it, or for the lecturer."""
    if run.active and (run.owner == owner() or lecturer_session.current() is not None):
        label = _("Cancelling …") if run.cancelling else _("Cancel")
        looks = {"icon": ":material/stop_circle:", "key": "run-cancel", "disabled": run.cancelling}
        st.button(label, on_click=_cancel, args=(run.id,), **looks)


def _front_button(run: Run) -> None:
    """Draw the button that lets a waiting run start before all others, for the lecturer."""
    if run.state == QUEUED and (lecturer := lecturer_session.current()) is not None:
        looks = {"icon": ":material/vertical_align_top:", "key": "run-front"}
        st.button(_("Move to the front"), on_click=_to_front, args=(lecturer, run.id), **looks)


def resume_button(run: Run) -> None:
    """Draw the button that lets a run go on which did not finish, if it belongs to who looks at it."""
    if run.state in RESUMABLE and run.spec and run.owner == owner():
        label = _("Try again") if run.state == "failed" else _("Resume")
        st.button(label, icon=":material/resume:", on_click=_resume, args=(run.id,), key="run-resume")


def not_yours(run: Run) -> str:
    """Return why someone else's run cannot be changed here, and where it can."""
    if run.owner == COMMAND_LINE:
        return _("This run was started on the command line; there it can be cancelled, resumed or deleted, too.")
    sentence = _("This run belongs to {owner}; only its owner can cancel, resume or delete it.")
    return sentence.format(owner=display_name(run.owner))


def show_outcome() -> None:
    """Say once how the last action went."""
    succeeded, sentence = st.session_state.pop(OUTCOME, (True, ""))
    if sentence and succeeded:
        st.toast(sentence, icon=":material/check:")
    elif sentence:
        st.error(as_text(sentence), icon=":material/error:")


def _delete_button(run: Run) -> None:
    with st.popover(_("Delete"), icon=":material/delete:", key="run-delete"):
        st.markdown(_("Delete this run with its curves and files? It cannot be brought back."))
        st.button(_("Delete for good"), type="primary", on_click=_delete, args=(run.id,), key="run-delete-sure")


def attempt(action: Callable[[], object], sentence: str) -> bool:
    """Do something to the store and tell how it went when the page is drawn next; return whether it succeeded."""
    try:
        action()
    except NotFoundError:  # the page itself says that the run is gone
        return False
    except LabError as error:
        st.session_state[OUTCOME] = (False, str(error))
        return False
    st.session_state[OUTCOME] = (True, sentence)
    return True


def _cancel(run_id: str) -> None:
    lecturer, told = lecturer_session.current(), _("The run ends within a second.")
    attempt(lambda: lecturer.cancel(run_id) if lecturer else store().cancel(run_id, owner=owner()), told)


def _to_front(lecturer: Lecturer, run_id: str) -> None:
    attempt(lambda: lecturer.move_to_front(run_id), _("The run starts next."))


def _resume(run_id: str) -> None:
    attempt(lambda: runs.resume(run_id, owner=owner()), _("The run waits to go on where it was."))


def _again(run: Run) -> None:
    def submit() -> None:
        from compression.spec import parse

        show_from_now("runs", runs.submit(parse(run.spec), owner=owner(), title=run.title))

    attempt(submit, _("The same settings wait to run again."))


def _delete(run_id: str) -> None:
    if attempt(lambda: store().delete(run_id, owner=owner()), _("The run is deleted.")):
        show_from_now("runs", None)
