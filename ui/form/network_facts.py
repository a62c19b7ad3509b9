"""What a network is before anything runs: its parameters, its operations and its file, from its architecture and edits alone."""

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from compression.charts.numbers import format_bytes, format_macs, format_parameters, format_ratio
from compression.data import DATASETS
from compression.texts import gettext as _

ARCHITECTURES_KEPT = 256

Structure = tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]  # an architecture, and the edits on it


@functools.lru_cache(maxsize=ARCHITECTURES_KEPT)
def _facts(structure: str, dataset: str) -> tuple[int, int, int]:
    from compression.export import weights
    from compression.measure.layers import parameters
    from compression.measure.macs import macs
    from compression.networks import construct, expected_facts

    (choice, edits), traits = json.loads(structure), DATASETS[dataset].traits
    model = construct(choice, traits["shape"], traits["classes"], edits)
    return parameters(model), macs(model, traits["shape"]), weights.size(model, expected_facts(choice, dataset))


def facts(structure: Structure, dataset: str) -> tuple[int, int, int]:
    """Return parameters, multiply-accumulates an example and bytes of the file, for a dataset's images and classes."""
    return _facts(json.dumps(structure, sort_keys=True), dataset)


def show(structure: Structure, dataset: str, against: Structure | None = None, note: str = "") -> None:
    """Draw these numbers in one line; `against` is a network to compare the parameters with, `note` is added."""
    count, operations, size = facts(structure, dataset)
    told = [format_parameters(count), format_macs(operations), format_bytes(size)]
    if against is not None:
        ratio = facts(against, dataset)[0] / count
        fewer = _("{parameters} ({ratio} fewer)") if ratio > 1 else _("{parameters} (no fewer than the teacher)")
        told[0] = fewer.format(parameters=told[0], ratio=format_ratio(ratio))
    st.caption(" · ".join([*told, *([note] if note else [])]))
