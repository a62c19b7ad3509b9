"""Logarithmic axes: every label is a complete number, whichever chart it belongs to."""

import pandas as pd

from compression.charts import curves, loss_scale, style
from compression.charts.comparison import overlaid_curves
from compression.charts.over_setting import accuracy_over


def test_labels_are_formatted_as_whole_numbers_since_plotly_writes_5_for_a_half() -> None:
    assert style.logarithmic_axis("")["tickformat"] == "~g"
    assert style.logarithmic_axis("", tickformat=".3~s")["tickformat"] == ".3~s"


def test_every_chart_over_decades_has_such_an_axis() -> None:
    losses = pd.DataFrame({"role": "student", "seed": 0, "epoch": [1.0, 2.0], "metric": "val_loss", "value": [5.0, 0.5]})
    scale = pd.DataFrame({"epoch": [1, 2], "metric": "gradient_labels", "value": [0.1, 2.0]})
    points = {"run": "a", "series": "", "role": "student", "accuracy": 0.9, "low": 0.8, "high": 0.95}
    over = pd.DataFrame([{**points, "at": 0.1 * number} for number in range(1, 15)])
    drawn = [
        curves.loss_axis(losses),
        curves.loss_axis(losses[:0]),
        loss_scale.describe_loss_scale(scale, revision="")["layout"]["yaxis"],
        overlaid_curves(losses.assign(run="a"), "loss", {"a": "a"}, ["student"]).layout.yaxis.to_plotly_json(),
        accuracy_over(over, "alpha", logarithmic=True).layout.xaxis.to_plotly_json(),
    ]
    for axis in drawn:
        assert axis["type"] == "log"
        assert axis["tickformat"]
        assert "dtick" not in axis
