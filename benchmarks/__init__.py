"""Figures of the lab, each as a ratio or a duration measured in one run: `python -m benchmarks`."""

import our_compression  # noqa: F401 - `compression` must mean our package before any module here imports it
