"""Whether a page is being drawn right now, so that what is not urgent can wait."""

import threading

SCRIPT_THREAD = "ScriptRunner."  # what Streamlit calls the thread in which it runs a page or a fragment of one


def is_drawing() -> bool:
    """Tell whether the server is drawing a page for anybody."""
    return any(thread.name.startswith(SCRIPT_THREAD) for thread in threading.enumerate())
