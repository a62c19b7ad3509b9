"""Accuracy and file size over a compression's knob."""

import pandas as pd
import pytest

from compression.charts.sweep import sweep

POINTS = pd.DataFrame({"value": [0.9, 0.0, 0.5], "accuracy": [0.3, 0.98, 0.97], "size_bytes": [2000, 10_000, 6000]})
AFTER = pd.DataFrame({"value": [0.5], "accuracy": [0.975], "size_bytes": [6100]})


def test_both_curves_run_over_the_knob_in_order() -> None:
    figure = sweep(POINTS, "sparsity", position=0.5)
    curves = {trace.yaxis: trace for trace in figure.data if trace.mode == "lines"}
    assert list(curves["y"].x) == list(curves["y2"].x) == [0.0, 0.5, 0.9]
    assert list(curves["y"].y) == [0.98, 0.97, 0.3]
    assert list(curves["y2"].y) == [10, 6, 2]  # KB


def test_the_sliders_place_is_marked_on_both_with_its_numbers() -> None:
    figure = sweep(POINTS, "sparsity", position=0.5)
    marks = [trace for trace in figure.data if trace.name == "your setting"]
    assert [(list(mark.x), list(mark.y), list(mark.text)) for mark in marks] == [
        ([0.5], [0.97], ["97.0 %"]),
        ([0.5], [6], ["6.00 KB"]),
    ]
    assert figure.layout.shapes[0].x0 == figure.layout.shapes[0].x1 == 0.5


def test_recovered_points_and_the_original_are_told_apart() -> None:
    figure = sweep(POINTS, "bits", position=7, after=AFTER, original=0.99)
    recovered = [trace for trace in figure.data if trace.name == "after recovery"]
    assert [list(trace.y) for trace in recovered] == [[0.975], [6.1]]
    (level,) = [trace for trace in figure.data if trace.name == "original"]
    assert list(level.y) == pytest.approx([0.99, 0.99])
    assert list(level.x) == [0.0, 0.9]


def test_identities_differ_so_that_hidden_entries_stay_hidden() -> None:
    figure = sweep(POINTS, "sparsity", position=0.5, after=AFTER, original=0.99)
    assert len({trace.meta for trace in figure.data}) == len(figure.data)
