"""The table of layers before and after, made of the events of a run."""

from types import SimpleNamespace
from typing import Any

from ui.run.layer_table import _shown, layers

FIRST = {
    "layer": "0",
    "kind": "Conv2d",
    "shape": [4, 1, 3, 3],
    "parameters": 40,
    "nonzero": 40,
    "bits": 32,
    "bytes": 160,
    "macs": 9,
}
NORM = {"layer": "1", "kind": "BatchNorm2d", "shape": [4], "parameters": 8, "nonzero": 8, "bits": 32, "bytes": 48, "macs": 0}
ROUNDED = {"activation_bits": 4, "activation_low": -0.5, "activation_high": 2.0625}


def events(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[Any]:
    told = {"original": before, "compressed": after}
    return [SimpleNamespace(type="layers", payload={"role": role, "seed": 0, "rows": rows}) for role, rows in told.items()]


def test_activations_are_told_where_they_are_rounded_also_where_they_were_before() -> None:
    for first in (FIRST, FIRST | ROUNDED | {"activation_bits": 8}):
        table = layers(events([first, NORM], [FIRST | ROUNDED, NORM]))
        assert table["activation_bits"].tolist()[0] == 4
        shown = _shown(table)
        assert shown["activations"].tolist() == ["4 bits, -0.5 to 2.06", ""]


def test_without_rounding_there_is_no_such_column() -> None:
    assert "activations" not in _shown(layers(events([FIRST, NORM], [FIRST, NORM])))
