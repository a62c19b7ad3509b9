"""What every test shares."""

import our_compression  # noqa: F401
