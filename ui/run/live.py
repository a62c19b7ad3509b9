"""Follow a run: where it is, how long it still takes, a way to stop it, and its curves as they grow."""

import math
from collections.abc import Callable

import streamlit as st

from compression import runs
from compression.errors import LabError, NotFoundError
from compression.runs import store
from compression.runs.records import FINISHED, RESUMABLE, Run
from compression.texts import gettext as _
from ui.run.feed import Watch, watch
from ui.run.result_cards import show_verdict
from ui.run.words import as_text, time_left
from ui.server.identity import owner

POLL_S, SHARED_S = 0.4, 0.3  # whoever polls within so short a time sees the same
SAID, JUST_STARTED = "follow-said", "follow-just-started"
PLACE = "run-shown"
DRAWN_AFTER_MS = 200
COME_INTO_VIEW = f"""<script>
  setTimeout(() => {{
    const place = document.querySelector(".st-key-{PLACE}");
    const from = place?.getBoundingClientRect().top ?? 0;
    if (from < 0 || from > 0.8 * window.innerHeight) place.scrollIntoView({{ behavior: "smooth" }});
  }}, {DRAWN_AFTER_MS});
</script>"""


def follow(run_id: str, draw: Callable[[Watch], None]) -> None:
    """Draw a run's standing and, by `draw`, its charts; both stay fresh while it is at work.

    When the run ends or is resumed, the whole page is drawn once more. To be called once a page, outside any fragment.

    Raises:
        NotFoundError: there is no such run.
    """
    active = watch(run_id).run.active

    def refresh() -> None:
        seen = watch(run_id, SHARED_S)
        if seen.run.active != active:
            st.rerun(scope="app")
        with st.container(key=PLACE):
            standing(seen)
        draw(seen)

    st.fragment(refresh, run_every=POLL_S if active else None)()
    with st.container(key="run-arrival"):
        if st.session_state.pop(JUST_STARTED, None) == run_id:
            st.html(COME_INTO_VIEW, unsafe_allow_javascript=True)


def standing(seen: Watch) -> None:
    """Draw where a run is, with what can be done about it; in the same place, once it has finished, its verdict."""
    if said := st.session_state.pop(SAID, None):
        st.error(said, icon=":material/error:")
    run = seen.run
    mine = run.owner == owner()
    if run.active:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.progress(min(max(run.fraction, 0.0), 1.0), text=now_text(seen), width="stretch")
            if mine:
                label = _("Cancelling …") if run.cancelling else _("Cancel")
                looks = {"icon": ":material/stop_circle:", "key": "follow-cancel", "disabled": run.cancelling}
                st.button(label, on_click=_attempt, args=(store().cancel, run.id), **looks)
    elif run.state == FINISHED:
        show_verdict(run)
    elif run.state in RESUMABLE:
        _explain(run, mine=mine)


def now_text(seen: Watch) -> str:
    """Return where an active run is and how long it still takes."""
    run, told = seen.run, seen.run.progress
    if run.state == "queued":
        return _("Waiting for its turn")
    parts = [run.stage or _("Starting")]
    if told.get("epoch") and told.get("role") and str(told["role"]) in run.stage.lower():
        parts.append(_("epoch {epoch} of {epochs}").format(epoch=math.ceil(told["epoch"]), epochs=told.get("epochs")))
    return as_text(" · ".join(filter(None, [*parts, time_left(run)])))


def _explain(run: Run, *, mine: bool) -> None:
    sentences = {
        "failed": run.error or _("The run failed."),
        "cancelled": _("This run was cancelled; what it had learned by then is kept."),
        "interrupted": _("This run was interrupted before it was done; it can go on where it was."),
    }
    show = st.error if run.state == "failed" else st.warning
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        show(as_text(sentences[run.state]), icon=":material/error:" if run.state == "failed" else ":material/pause_circle:")
        if mine:
            label = _("Try again") if run.state == "failed" else _("Resume")
            st.button(label, icon=":material/resume:", key="follow-resume", on_click=_attempt, args=(runs.resume, run.id))


def _attempt(action: Callable[..., object], run_id: str) -> None:
    try:
        action(run_id, owner=owner())
        watch(run_id)
    except NotFoundError:  # the page is about to say that the run is gone
        return
    except LabError as error:
        st.session_state[SAID] = as_text(str(error))
