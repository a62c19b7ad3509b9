"""The Runs page."""

from ui.places import RUNS, header

header(RUNS)
