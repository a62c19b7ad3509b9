"""The Home page."""

from ui.places import HOME, header

header(HOME)
