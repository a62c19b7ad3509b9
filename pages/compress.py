"""The Compress page."""

from ui.places import COMPRESS, header

header(COMPRESS)
