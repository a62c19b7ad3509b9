"""The Distill page."""

from ui.places import DISTILL, header

header(DISTILL)
