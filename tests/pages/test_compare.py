"""Compare: the filter, the chart, the table, and runs side by side."""

import io
import json

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from compression.charts.comparison import overlaid_curves, shade
from compression.charts.style import ROLES
from compression.charts.tradeoff import COSTS, front, tradeoff
from compression.runs import store
from compression.runs.frames import models_frame
from tests.pages.conftest import Visit
from tests.pages.stored_runs import compressed, copies, distilled, failed, finished, model
from ui.compare import models_table
from ui.compare.results import results_rows
from ui.run.differences import flatten, labels, settings_rows

ALL = {"role": "all", "kind": "all", "dataset": "all", "x": "size"}


def table(app: AppTest) -> pd.DataFrame:
    """Return the table of models."""
    return next(frame.value for frame in app.dataframe if frame.key == models_table.KEY)


def differences(app: AppTest) -> pd.DataFrame:
    """Return what differs, a row a field."""
    (found,) = [frame.value for frame in app.dataframe if "What differs" in frame.value]
    return found.set_index("What differs")


def titles(app: AppTest) -> list[str]:
    """Return the page's second-level titles."""
    return [title.value for title in app.subheader]


def query(app: AppTest) -> dict[str, str]:
    """Return what the address carries, the last of each name."""
    return {name: value if isinstance(value, str) else value[-1] for name, value in dict(app.query_params).items()}


def test_without_a_finished_run_it_says_what_to_do(visit: Visit) -> None:
    failed()
    app = visit("compare")
    assert not app.exception
    assert titles(app) == ["Nothing to compare yet"]
    assert not app.dataframe
    assert {link.label for link in app.get("page_link")} == {"Teach a small network", "Compress a network"}


def test_every_model_of_every_finished_run_has_a_row(visit: Visit) -> None:
    finished()
    finished(kind="compress")
    failed()
    app = visit("compare")
    assert not app.exception
    assert sorted(table(app)["role"]) == ["baseline", "compressed", "original", "student", "teacher"]
    assert "Side by side" not in titles(app)


def test_the_oldest_of_many_runs_is_there_too(visit: Visit) -> None:
    first = finished(title="the very first")
    copies(first, 600, title="a later one")
    app = visit("compare", find="the very first")
    assert set(table(app)["role"]) == {"teacher", "baseline", "student"}


@pytest.mark.parametrize(
    ("query_given", "roles"),
    [
        ({"role": "student,compressed"}, {"student", "compressed"}),
        ({"kind": "compress"}, {"original", "compressed"}),
        ({"kind": "compress", "role": "compressed"}, {"compressed"}),
        ({"find": "TEMPERATURE 8"}, {"teacher", "baseline", "student"}),
        ({"find": "birthday"}, {"original", "compressed"}),
        ({"dataset": "digits"}, set(ROLES)),
    ],
)
def test_the_filter_in_the_address_chooses(query_given: dict[str, str], roles: set[str], visit: Visit) -> None:
    finished(loss={"name": "kd", "temperature": 8})
    finished(kind="compress", title="Birthday present")
    app = visit("compare", **query_given)
    assert not app.warning
    assert set(table(app)["role"]) == roles


@pytest.mark.parametrize("run_id", ["8888888888", "0000000008", "f8f8f8f8f8"])
def test_words_are_not_found_inside_the_ids_of_runs_and_people(run_id: str, visit: Visit) -> None:
    finished(title="hot", loss={"name": "kd", "temperature": 8})
    hotter = finished(loss={"name": "kd", "temperature": 18, "alpha": 0.8})
    copies(hotter, 1, id=run_id, title="hotter", owner="guest-8888888888888888")
    assert set(table(visit("compare", find="temperature 8"))["title"]) == {"hot"}
    for part in (run_id, run_id[:4]):
        assert set(table(visit("compare", find=part))["title"]) == {"hotter"}


def test_what_is_chosen_goes_into_the_address_and_back(visit: Visit) -> None:
    finished()
    finished(kind="compress")
    app = visit("compare")
    app.multiselect(key="compare-role").set_value(["student"]).run()
    app.text_input(key="compare-find").set_value("cnn").run()
    app.segmented_control(key="compare-x").set_value("latency").run()
    assert query(app) == ALL | {"role": "student", "find": "cnn", "x": "latency"}
    assert set(table(app)["role"]) == {"student"}
    app.multiselect(key="compare-role").set_value([]).run()
    app.segmented_control(key="compare-x").set_value("size").run()
    assert query(app) == ALL | {"find": "cnn"}
    assert len(table(app)) == 5


def test_a_filter_that_nothing_passes_can_be_cleared(visit: Visit) -> None:
    finished()
    app = visit("compare", find="nothing is called so", x="macs")
    assert [told.value for told in app.info] == ["No model matches this filter."]
    app.button[0].click().run()
    assert query(app) == ALL | {"x": "macs"}
    assert len(table(app)) == 3


def test_runs_side_by_side_show_only_what_differs(visit: Visit) -> None:
    hot = finished(loss={"name": "kd", "temperature": 8}, result=distilled(0.97))
    cold = finished(loss={"name": "kd", "temperature": 2}, result=distilled(0.95))
    app = visit("compare", runs=f"{hot},{cold}")
    assert not app.exception
    found = differences(app)
    assert list(found.columns[1:]) == ["temperature 8", "temperature 2"]
    assert [name for name in found.index if "." in name] == ["loss.temperature"]
    assert found.loc["loss.temperature"].tolist()[1:] == ["8", "2"]
    assert found.loc["Student: test accuracy"].tolist()[1:] == ["97.0 % (95.0 % to 98.0 %)", "95.0 % (93.0 % to 96.0 %)"]
    assert "Teacher: test accuracy" not in found.index
    assert "Student: file size" not in found.index


def test_one_run_alone_asks_for_another(visit: Visit) -> None:
    run = finished()
    app = visit("compare", runs=run)
    assert "Side by side" in titles(app)
    assert any("another run" in caption.value for caption in app.caption)
    assert len(app.dataframe) == 1


def test_marking_rows_puts_their_runs_into_the_address_whatever_the_filter_hides(visit: Visit) -> None:
    hidden = finished(kind="compress")
    first, second = finished(title="first"), finished(title="second")
    app = visit("compare", kind="distill", runs=hidden)
    runs = [run for run in (second, first) for _role in range(3)]
    app.session_state[models_table.KEY] = {"selection": {"rows": [0, 2, 4]}}
    app.run()
    # A change made in the browser calls the table's callback; here the stored marks stand for it.
    assert query(app)["runs"] == hidden
    assert app.session_state[models_table.KEY]["selection"]["rows"] == []
    app = visit("compare", kind="distill", runs=f"{hidden},{first}")
    (row,) = app.session_state[models_table.KEY]["selection"]["rows"]
    assert (runs[row], table(app)["role"][row]) == (first, "student")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"x": "banana"}, "x axis “banana”"),
        ({"runs": "nosuch"}, "nosuch"),
        ({"role": "villain"}, "villain"),
        ({"dataset": "<b>mnist</b>"}, "left out"),
        ({"kind": "magic"}, "magic"),
    ],
)
def test_nonsense_in_the_address_is_told_and_left_out(wrong: dict[str, str], sentence: str, visit: Visit) -> None:
    finished()
    app = visit("compare", **wrong)
    assert not app.exception
    (warning,) = app.warning
    assert sentence in warning.value
    assert "<b>" not in warning.value
    assert len(table(app)) == 3
    assert app.segmented_control(key="compare-x").value == "size"


def test_more_runs_than_fit_are_cut_with_a_word(visit: Visit) -> None:
    runs = [finished(seeds=[seed]) for seed in range(13)]
    app = visit("compare", runs=",".join(runs))
    assert "At most 12 runs" in app.warning[0].value
    assert len(differences(app).columns) == 1 + 12


def test_clear_forgets_the_runs_alone(visit: Visit) -> None:
    app = visit("compare", runs=finished(), x="latency")
    next(button for button in app.button if button.label == "Clear").click().run()
    assert query(app) == ALL | {"x": "latency"}
    assert "Side by side" not in titles(app)


def test_a_finished_run_with_a_broken_result_breaks_nothing(visit: Visit) -> None:
    good = finished()
    odd = finished(result={"models": {"student": {"accuracy": None}, "teacher": 3}, "verdict": "yes"})
    empty = finished(result={"models": None})
    app = visit("compare", runs=f"{good},{odd}")
    assert not app.exception
    assert not app.error
    assert len(table(app)) == 4
    assert empty not in set(models_frame([store().run(empty)])["run"])


def test_the_file_holds_unrounded_numbers_and_nobodys_name() -> None:
    run = finished(owner="guest-0123456789abcdef", result=distilled(0.961234))
    frame = models_table.models([store().run(run)], "someone")
    read = pd.read_csv(io.StringIO(models_table.csv(frame)))
    assert read.set_index("role")["accuracy"]["student"] == 0.961234
    assert "guest" not in models_table.csv(frame).lower()


@pytest.fixture(autouse=True)
def _home(lab_home: object) -> None:
    """Give every test a store of its own."""


def frame_of(*rows: tuple[str, str, float, float]) -> pd.DataFrame:
    """Return a frame of role, dataset, size and accuracy."""
    frame = pd.DataFrame(rows, columns=["role", "dataset", "size_bytes", "accuracy"])
    more = {"run": [f"run{index}" for index in range(len(rows))], "low": 0.5, "high": 1.0, "model": "cnn", "title": ""}
    evidence = {"accuracy_evidence": "measured", "size_evidence": "file"}
    return frame.assign(**more, **evidence)


def test_the_front_holds_exactly_the_models_that_no_other_beats() -> None:
    frame = frame_of(
        ("student", "digits", 10, 0.5),
        ("student", "digits", 20, 0.5),  # dearer, no better
        ("student", "digits", 30, 0.9),
        ("baseline", "digits", 30, 0.8),  # as dear, worse
        ("teacher", "digits", 90, 0.85),
        ("teacher", "digits", 99, 0.99),
    )
    beaten = [
        any(
            other.size_bytes <= one.size_bytes
            and other.accuracy >= one.accuracy
            and (other.size_bytes, other.accuracy) != (one.size_bytes, one.accuracy)
            for other in frame.itertuples()
        )
        for one in frame.itertuples()
    ]
    assert (
        set(front(frame, "size_bytes")["run"]) == set(frame.loc[[not lost for lost in beaten], "run"]) == {"run0", "run2", "run5"}
    )


def test_datasets_have_fronts_of_their_own() -> None:
    figure = tradeoff(frame_of(("student", "digits", 10, 0.9), ("student", "mnist", 20, 0.5)), "size")
    fronts = [trace for trace in figure.data if trace.mode == "lines"]
    assert [(list(trace.x), list(trace.y)) for trace in fronts] == [([10], [0.9]), ([20], [0.5])]
    assert fronts[0].line.dash != fronts[1].line.dash


def test_a_point_knows_its_run_its_interval_and_its_evidence() -> None:
    frame = frame_of(("student", "digits", 10, 0.9), ("student", "digits", 20, 0.95), ("student", "digits", 0, 0.99))
    frame.loc[1, "accuracy_evidence"] = "simulated"
    frame.loc[0, "title"] = "<script>"
    (points,) = [trace for trace in tradeoff(frame, "size").data if trace.mode == "markers"]
    assert [list(data) for data in points.customdata] == [["run0"], ["run1"]]
    assert list(points.marker.symbol) == ["circle", "circle-open"]
    assert points.error_y.array[0] == pytest.approx(0.1)
    assert points.error_y.arrayminus[0] == pytest.approx(0.4)
    assert "simulated" in points.text[1]
    assert "<script>" not in points.text[0]


@pytest.mark.parametrize("cost", COSTS)
def test_axes_are_logarithmic_and_name_unit_and_evidence(cost: str) -> None:
    run = store().run(finished())
    figure = tradeoff(models_frame([run]), cost)
    assert figure.layout.xaxis.type == "log"
    assert {"size": "bytes", "latency": "ms", "macs": "multiply"}[cost] in figure.layout.xaxis.title.text
    assert {"size": "file", "latency": "measured", "macs": "counted"}[cost] in figure.layout.xaxis.title.text
    json.loads(figure.to_json())


def test_overlaid_runs_share_the_roles_hue_and_differ_twice() -> None:
    rows = [
        (run, role, 0, epoch, "val_accuracy", 0.5) for run in "ab" for role in ("student", "baseline") for epoch in (0.0, 1.0)
    ]
    frame = pd.DataFrame(rows, columns=["run", "role", "seed", "epoch", "metric", "value"])
    figure = overlaid_curves(frame, "val_accuracy", {"a": "T 8", "b": "T 2"}, ["student"])
    assert [trace.name for trace in figure.data] == ["T 8", "T 2"]
    assert figure.data[0].line.color.lower() == ROLES["student"].colour.lower()
    assert figure.data[0].line.color != figure.data[1].line.color
    assert figure.data[0].line.dash != figure.data[1].line.dash
    eight = {f"run{index}": f"T {index}" for index in range(8)}
    many = pd.concat([frame[frame["run"] == "a"].assign(run=run) for run in eight])
    drawn = overlaid_curves(many, "val_accuracy", eight, ["student"]).data
    assert len({(trace.line.color, trace.line.dash) for trace in drawn}) == 8
    both = overlaid_curves(frame, "val_accuracy", {"a": "T 8"}, ["student", "baseline"])
    assert [trace.name for trace in both.data] == ["Student, T 8", "Baseline, T 8"]


def test_shades_go_to_white_and_to_black() -> None:
    assert shade("#804020", 0) == "#804020"
    assert shade("#804020", 1) == "#ffffff"
    assert shade("#804020", -0.5) == "#402010"


def test_specs_flatten_to_dotted_paths() -> None:
    flat = flatten({"a": {"b": 1.0, "c": None}, "steps": [{"name": "prune"}], "seeds": [0, 1], "x": True})
    assert flat == {"a.b": "1", "a.c": "none", "steps.0.name": "prune", "seeds": "0, 1", "x": "yes"}


def test_labels_say_what_differs_and_never_coincide() -> None:
    def named(*given: dict) -> list[str]:
        return list(labels([store().run(finished(**spec)) for spec in given]).values())

    assert named({"teacher": {"name": "cnn", "width": 16}}, {}) == [
        "width 16",
        "width 32",
    ]
    assert named({"student": {"name": "mlp", "hidden": [32]}}, {}) == ["student mlp, hidden 32", "student cnn, width 4"]
    prune, quantize = {"name": "prune", "sparsity": 0.5}, {"name": "quantize", "bits": 4}
    assert named(
        {"kind": "compress", "steps": [prune, quantize]}, {"kind": "compress", "steps": [prune, {**quantize, "bits": 2}]}
    ) == ["bits 4", "bits 2"]
    assert [name.split(",")[0] for name in named({}, {"kind": "compress"})] == ["Distillation", "Compression"]
    same = named({}, {}, {"seeds": [7]})
    assert len(set(same)) == 3
    assert all("run " in name for name in same[:2])


def test_settings_that_only_another_kind_of_run_has_are_left_out() -> None:
    steps = [{"name": "prune", "sparsity": 0.5}]
    distill, dense, sparse = (
        store().run(finished(**spec))
        for spec in ({}, {"kind": "compress", "steps": [{"name": "prune"}]}, {"kind": "compress", "steps": steps})
    )
    assert list(settings_rows([distill, sparse])) == ["kind", "train.epochs", "train.batch_size", "train.lr", "seeds"]
    assert settings_rows([distill, dense, sparse])["steps.0.sparsity"] == ["–", "0.8", "0.5"]
    assert "model.width" not in settings_rows([distill, dense, sparse])


def test_results_that_are_equal_are_left_out() -> None:
    one, other = (store().run(finished(result=distilled(accuracy))) for accuracy in (0.96, 0.97))
    assert settings_rows([one, other]) == {}
    rows = results_rows([one, other])
    assert rows["Difference in points"] == ["3.0 (0.9 to 3.3)", "4.0 (0.9 to 3.3)"]
    assert not [name for name in rows if name.startswith("Teacher")]
    shrunk = store().run(finished(kind="compress", result=compressed()))
    assert results_rows([one, shrunk])["Result: file size"] == ["3.86 KB", "1.90 KB"]
    assert results_rows([one, shrunk])["Original: file size"] == ["–", "99.3 KB"]
    assert "Original: non-zero" not in results_rows([one, shrunk])
    sparse = {"models": {"compressed": model(0.9, 100, nonzero=51)}}
    assert results_rows([shrunk, store().run(finished(kind="compress", result=sparse))])["Compressed: non-zero"][1] == "51"
