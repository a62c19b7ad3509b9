"""What every test shares."""

import house  # noqa: F401
