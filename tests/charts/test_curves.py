"""Learning curves: what is drawn is what was told."""

import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from compression.charts.curves import accuracy_floor, learning_curves
from compression.charts.style import MAXIMUM_POINTS, ROLES, decimate

Row = tuple[str, int, float, str, float]
STUDENT: list[Row] = [
    ("student", 0, 1.0, "val_accuracy", 0.5),
    ("student", 1, 1.0, "val_accuracy", 0.7),
    ("student", 0, 2.0, "val_accuracy", 0.8),
    ("student", 1, 2.0, "val_accuracy", 0.9),
    ("student", 2, 2.0, "val_accuracy", 0.85),
]
LEVEL: list[Row] = [("teacher", 0, math.nan, "val_accuracy", 0.97), ("teacher", 0, math.nan, "val_loss", 0.1)]


def table(*rows: Row) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["role", "seed", "epoch", "metric", "value"])


def trace(figure: go.Figure, identity: str) -> Any:
    (found,) = [trace for trace in figure.data if trace.meta == identity]
    return found


def test_a_line_is_the_mean_over_the_seeds_that_have_an_epoch() -> None:
    line = trace(learning_curves(table(*STUDENT), "val_accuracy"), "student-val_accuracy")
    assert list(line.x) == [1.0, 2.0]
    assert list(line.y) == pytest.approx([0.6, 0.85])


def test_a_band_goes_from_the_lowest_to_the_highest_seed_and_hides_with_its_line() -> None:
    figure = learning_curves(table(*STUDENT), "val_accuracy")
    band, line = trace(figure, "student-val_accuracy-band"), trace(figure, "student-val_accuracy")
    assert list(zip(band.x, band.y, strict=True)) == [(1.0, 0.7), (2.0, 0.9), (2.0, 0.8), (1.0, 0.5)]
    assert band.legendgroup == line.legendgroup
    assert band.showlegend is False


def test_one_seed_has_no_band() -> None:
    figure = learning_curves(table(*STUDENT[:1]), "val_accuracy")
    assert "student-val_accuracy-band" not in [trace.meta for trace in figure.data]


def test_a_level_spans_the_chart_and_takes_the_place_of_the_way_there() -> None:
    on_the_way = ("teacher", 0, 60.0, "val_accuracy", 0.4)
    figure = learning_curves(table(on_the_way, *LEVEL, *STUDENT), "val_accuracy", epochs=20)
    level = trace(figure, "teacher-val_accuracy")
    assert (list(level.x), list(level.y)) == ([0, 20], [0.97, 0.97])
    assert tuple(figure.layout.xaxis.range) == (0, 20)


def test_an_axis_of_accuracies_shows_all_of_them_and_no_label_above_100_percent() -> None:
    figure = learning_curves(table(("teacher", 0, math.nan, "val_accuracy", 1.0)), "val_accuracy")
    low, high = figure.layout.yaxis.range
    assert low < 0.96
    assert 1 < high < 1.01


def test_every_role_is_in_the_legend_before_it_has_a_value() -> None:
    figure = learning_curves(table(), "val_accuracy", roles=("teacher", "student"), epochs=5)
    assert [trace.name for trace in figure.data if trace.showlegend is not False] == ["Teacher", "Student"]
    assert tuple(figure.layout.xaxis.range) == (0, 5)


def test_both_losses_share_a_chart_training_the_fainter() -> None:
    rows = [("student", 0, 1.0, "train_loss", 2.0), ("student", 0, 1.0, "val_loss", 1.0)]
    figure = learning_curves(table(*rows, *LEVEL), "loss")
    training, validation = trace(figure, "student-train_loss"), trace(figure, "student-val_loss")
    assert (list(training.y), list(validation.y)) == ([2.0], [1.0])
    assert training.opacity < validation.opacity
    assert training.showlegend is False
    assert figure.layout.yaxis.type == "log"


def test_other_metrics_and_roles_stay_out() -> None:
    rows = [*STUDENT, ("student", 0, 1.0, "agreement", 0.1), ("compressed", 0, 1.0, "val_accuracy", 0.2)]
    figure = learning_curves(table(*rows), "agreement", roles=("student",))
    assert [list(trace.y) for trace in figure.data] == [[0.1]]


def test_roles_differ_by_more_than_colour() -> None:
    figure = learning_curves(table(*STUDENT), "val_accuracy")
    lines = [trace for trace in figure.data if trace.showlegend is not False]
    assert len({trace.line.color for trace in lines}) == len({trace.line.dash for trace in lines}) == len(lines)


def test_long_runs_are_thinned_and_keep_their_ends() -> None:
    rows = [("student", 0, float(epoch), "val_accuracy", epoch / 5000) for epoch in range(1, 5001)]
    line = trace(learning_curves(table(*rows), "val_accuracy"), "student-val_accuracy")
    assert len(line.x) == MAXIMUM_POINTS
    assert (line.x[0], line.x[-1]) == (1.0, 5000.0)
    assert decimate(3) == [0, 1, 2]
    assert len(set(decimate(4321))) == MAXIMUM_POINTS


def test_the_accuracy_axis_starts_below_every_settled_value() -> None:
    start = [("student", 0, 1.0, "val_accuracy", 0.1), ("student", 0, 10.0, "val_accuracy", 0.93)]
    assert accuracy_floor(table(*start)) == pytest.approx(0.90)
    late_dip = ("student", 1, 9.0, "val_accuracy", 0.42)
    assert accuracy_floor(table(*start, late_dip)) == pytest.approx(0.40)
    assert accuracy_floor(table()) == 0


def test_a_usual_figure_is_small_enough_to_send_twice_a_second() -> None:
    rows = [
        (role, seed, float(epoch), "val_accuracy", 0.5 + epoch / 100 + seed / 1000)
        for role in ("teacher", "baseline", "student")
        for seed in range(5)
        for epoch in range(1, 21)
    ]
    assert len(learning_curves(table(*rows), "val_accuracy").to_json(validate=False)) < 20_000


def test_role_colours_are_those_promised() -> None:
    colours = {role: style.colour for role, style in ROLES.items()}
    promised = {"teacher": "#0072B2", "baseline": "#7F7F7F", "student": "#D55E00", "compressed": "#009E73"}
    assert colours == {**promised, "original": promised["teacher"]}


def test_roles_that_schemes_bring_have_an_entry_a_colour_and_a_dash_of_their_own() -> None:
    roles = ["teacher", "assistant1", "assistant2", "assistant3", "assistant4", "baseline", "student"]
    rows: list[Row] = [(role, 0, 1.0, "val_accuracy", 0.5) for role in roles]
    figure = learning_curves(table(*rows), "val_accuracy", roles=roles, titles={"teacher": "Peer"})
    assert [line.name for line in figure.data] == [
        "Peer",
        *(f"Assistant {number}" for number in (1, 2, 3, 4)),
        "Baseline",
        "Student",
    ]
    assert len({line.line.color for line in figure.data}) == len({line.line.dash for line in figure.data}) == len(roles)
    agreement = learning_curves(table(*rows), "agreement", titles={"teacher": "Peer"})
    assert agreement.layout.title.text == "Agreement with the peer"
