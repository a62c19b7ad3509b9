"""The Compare page."""

from ui.places import COMPARE, header

header(COMPARE)
