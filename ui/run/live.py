"""Follow a run: where it is, how long it still takes, a way to stop it, and its curves as they grow."""

import math
from collections.abc import Callable

import streamlit as st

from compression.errors import NotFoundError
from compression.runs import supervisor_problem
from compression.runs.records import FINISHED, QUEUED, RESUMABLE, Run
from compression.texts import gettext as _
from ui.run import actions
from ui.run.feed import Watch, watch
from ui.run.result_cards import show_verdict
from ui.run.waiting import waiting_text
from ui.run.words import as_text, time_left

POLL_S, SHARED_S = 0.4, 0.3
LONG_S, LONG_POLL_S = 60.0, 1.0  # every look costs server and browser, and of a long run some tell as much
TO_BRING_INTO_VIEW, ANCHOR = "run-to-bring-into-view", "run-shown"
DRAWN_AFTER_MS = 200
COME_INTO_VIEW = f"""<script>
  setTimeout(() => {{
    const run = document.querySelector(".st-key-{ANCHOR}");
    const from = run?.getBoundingClientRect().top ?? 0;
    if (from < 0 || from > 0.8 * window.innerHeight) run.scrollIntoView({{ behavior: "smooth" }});
  }}, {DRAWN_AFTER_MS});
</script>"""


def follow(run_id: str, draw: Callable[[Watch], None]) -> None:
    """Draw a run's standing and, by `draw`, its charts; both stay fresh while it is at work.

    When the run ends or is resumed, the whole page is drawn once more. To be called once a page, outside any fragment.

    Raises:
        NotFoundError: there is no such run.
    """
    run = watch(run_id).run
    active = run.active
    # Polls may share what one of them read. A run at rest is looked at only after a click, which may just have resumed it.
    fresh_s = SHARED_S if active else 0.0

    def refresh() -> None:
        try:
            seen = watch(run_id, fresh_s)
        except NotFoundError:  # it was deleted; the page, drawn once more, says so
            st.rerun(scope="app")
        if seen.run.active != active:
            st.rerun(scope="app")
        with st.container(key=ANCHOR):
            standing(seen)
        draw(seen)

    st.fragment(refresh, run_every=poll_s(run) if active else None)()
    scroll_into_view(run_id)


def poll_s(run: Run) -> float:
    """Return the seconds between two looks at a run that is at work."""
    return LONG_POLL_S if (run.expected_s or 0.0) > LONG_S else POLL_S


def scroll_into_view(run_id: str) -> None:
    """Scroll to the run or sweep that was just drawn, if `bring_into_view` asked for it."""
    with st.container(key="run-arrival"):
        if st.session_state.pop(TO_BRING_INTO_VIEW, None) == run_id:
            st.html(COME_INTO_VIEW, unsafe_allow_javascript=True)


def bring_into_view(run_id: str) -> None:
    """Scroll to a run or a sweep, once, when it is drawn next."""
    st.session_state[TO_BRING_INTO_VIEW] = run_id


def standing(seen: Watch) -> None:
    """Draw where a run is, with what can be done about it; in the same place, once it has finished, its verdict."""
    actions.show_outcome()
    run = seen.run
    if run.active:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.progress(min(max(run.fraction, 0.0), 1.0), text=now_text(seen), width="stretch")
            actions.cancel_button(run)
        say_why_it_waits(run)
    elif run.state == FINISHED:
        show_verdict(run)
    elif run.state in RESUMABLE:
        _explain(run)


def say_why_it_waits(run: Run) -> None:
    """Say what keeps every run from starting, if this one waits and there is something."""
    if run.state == QUEUED and (problem := supervisor_problem()):
        st.warning(as_text(problem), icon=":material/warning:")


def now_text(seen: Watch) -> str:
    """Return where an active run is and how long it still takes."""
    run, told = seen.run, seen.run.progress
    if run.state == QUEUED:
        told = waiting_text(run)
        return as_text(told[:1].upper() + told[1:])
    parts = [run.stage or _("Starting")]
    if told.get("epoch") and told.get("role") and str(told["role"]) in run.stage.lower():
        parts.append(_("epoch {epoch} of {epochs}").format(epoch=math.ceil(told["epoch"]), epochs=told.get("epochs")))
    return as_text(" · ".join(filter(None, [*parts, time_left(run)])))


def _explain(run: Run) -> None:
    sentences = {
        "failed": run.error or _("The run failed."),
        "cancelled": _("This run was cancelled; what it had learned by then is kept."),
        "interrupted": _("This run was interrupted before it was done; it can go on where it was."),
    }
    show = st.error if run.state == "failed" else st.warning
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        show(as_text(sentences[run.state]), icon=":material/error:" if run.state == "failed" else ":material/pause_circle:")
        actions.resume_button(run)
