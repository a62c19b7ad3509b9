"""Compare: the filter, the chart, the table, and runs side by side."""

import io
import json

import pandas as pd
import pytest
import torch
from streamlit.testing.v1 import AppTest

from compression.charts.comparison import overlaid_curves
from compression.charts.over_setting import accuracy_over
from compression.charts.run_colours import SCALE, run_colours
from compression.charts.style import ROLES
from compression.charts.tradeoff import COSTS, front, tradeoff
from compression.runs import store
from compression.runs.frames import models_frame
from compression.runs.records import FINISHED, Run
from tests.pages.conftest import Visit
from tests.pages.stored_runs import TOKEN, copies, distilled, failed, finished, started
from ui.compare import models_table, names, over_setting, results, series, side_by_side
from ui.run.differences import flatten, labels, ordered, settings_rows

ALL = {"role": "all", "kind": "all", "dataset": "digits", "x": "size"}


def table(app: AppTest) -> pd.DataFrame:
    """Return the table of models."""
    return next(frame.value for frame in app.dataframe if frame.key == models_table.KEY)


def comparison(app: AppTest) -> pd.DataFrame:
    """Return the table of the runs side by side."""
    (found,) = [frame.value for frame in app.dataframe if "Verdict" in frame.value]
    return found


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
    assert query(app) == ALL | {"x": "macs", "dataset": "all"}
    assert len(table(app)) == 3


def test_runs_side_by_side_are_sorted_by_what_differs_with_settings_and_verdicts_as_columns(visit: Visit) -> None:
    hot = finished(loss={"name": "kd", "temperature": 20}, result=distilled(0.97))
    cold = finished(loss={"name": "kd", "temperature": 4}, result=distilled(0.95))
    app = visit("compare", runs=f"{hot},{cold}")
    assert not app.exception
    assert titles(app)[0] == "Temperature T: 4, 20"
    found = comparison(app)
    assert found["Run"].tolist() == ["temperature 4", "temperature 20"]
    assert found["Temperature T"].tolist() == [4, 20]
    assert found["Student: test accuracy"].tolist() == ["95.0 % (93.0 to 96.0)", "97.0 % (95.0 to 98.0)"]
    assert found["Verdict"].tolist() == ["Yes, +2.0 points (+0.9 to +3.3)", "Yes, +4.0 points (+0.9 to +3.3)"]
    assert "File size" not in found
    assert "Student width" not in found


def of_seeds(accuracies: list[float], seeds: range = range(5)) -> dict:
    """Return the result of a distillation whose student has these accuracies on 1,000 test images."""
    rows = [
        {"seed": seed, "accuracy": accuracy, "artifact": f"student-seed{seed}.safetensors"}
        for seed, accuracy in zip(seeds, accuracies, strict=True)
    ]
    result = distilled(sum(accuracies) / len(accuracies))
    result["models"]["student"]["per_seed"] = rows
    return {**result, "images": {"test": 1_000}}


def better(app: AppTest) -> list[str]:
    """Return what is said of which of two runs is better."""
    return [text.value.replace("\\", "") for text in app.main.markdown if "95 % interval" in text.value or "Which" in text.value]


def test_two_runs_side_by_side_say_which_is_better_or_that_it_is_too_close_to_tell(visit: Visit) -> None:
    low = finished(loss={"name": "kd", "temperature": 1}, result=of_seeds([0.90, 0.91, 0.90, 0.89, 0.90]))
    near = finished(loss={"name": "kd", "temperature": 2}, result=of_seeds([0.91, 0.90, 0.91, 0.90, 0.90]))
    high = finished(loss={"name": "kd", "temperature": 4}, result=of_seeds([0.98, 0.97, 0.98, 0.98, 0.97]))
    (told,) = better(visit("compare", runs=f"{low},{high}"))
    assert told.startswith("**Temperature 4 is 7.6 points better than temperature 1** (95 % interval +4")
    assert "1,000 test images, the same 5 seeds). Told from the accuracies alone" in told
    (told,) = better(visit("compare", runs=f"{low},{near}"))
    assert told.startswith("**Too close to tell:** Temperature 2 is 0.4 points above temperature 1")
    assert not better(visit("compare", runs=f"{low},{near},{high}"))
    elsewhere = finished(dataset={"name": "mnist"}, result=of_seeds([0.5] * 5))
    (told,) = better(visit("compare", runs=f"{low},{elsewhere}"))
    assert "tested on different images" in told


def test_networks_whose_files_are_there_are_compared_image_by_image(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    def right(run: Run, role: str) -> dict[int, torch.Tensor]:
        rows = run.result["models"][role]["per_seed"]
        return {row["seed"]: torch.arange(1_000) < round(1_000 * row["accuracy"]) for row in rows}

    runs = [
        finished(loss={"name": "kd", "temperature": at}, result=of_seeds(told, range(3)))
        for at, told in ((1, [0.90, 0.91, 0.90]), (4, [0.93, 0.94, 0.93]))
    ]
    (alone,) = better(visit("compare", runs=",".join(runs)))
    monkeypatch.setattr("ui.run.answers.correct", right)
    (told,) = better(visit("compare", runs=",".join(runs)))
    assert alone.startswith("**Too close to tell")
    assert told.startswith("**Temperature 4 is 3.0 points better than temperature 1**")
    assert told.endswith("Both were asked about each image.")


def test_runs_that_more_than_two_settings_tell_apart_are_named_by_letters_with_a_key(visit: Visit) -> None:
    finished(result=distilled())
    finished(scheme={"name": "mutual", "temperature": 2}, train={"epochs": 3}, result=distilled())
    runs = ordered(store().runs())
    named = names.names(runs)
    assert [*named.values()] == ["Run A", "Run B"]
    told = dict(line.split(": ", 1) for line in names.key(runs, named))
    assert any("Mutual learning" in line for line in told.values())
    path = over_setting.settings_to_choose(runs)[0]
    assert set(over_setting.points(runs, path)["series"]) == {"Run A", "Run B"}
    app = visit("compare", runs=",".join(run.id for run in runs))
    assert not app.exception
    assert comparison(app)["Run"].tolist() == ["Run A", "Run B"]
    assert sorted(comparison(app)["Scheme temperature"]) == ["", "2"]
    assert any("Run A: " in text.value.replace("\\", "") for text in app.main.markdown)


def test_a_link_opens_on_the_comparison_and_marking_rows_does_not_move_the_table(visit: Visit) -> None:
    runs = [finished(loss={"name": "kd", "temperature": value}) for value in (1, 4)]

    def keys(app: AppTest) -> list[str]:
        return [frame.key for frame in app.dataframe]

    app = visit("compare")
    app.session_state["compare-runs"] = runs
    app.run()
    assert keys(app)[0] == models_table.KEY
    assert len(keys(app)) == 2
    app = visit("compare", runs=",".join(runs))
    assert keys(app)[1] == models_table.KEY
    app.text_input(key="compare-find").set_value("temperature 4").run()
    assert keys(app)[1] == models_table.KEY


def test_one_dataset_is_shown_at_first_and_a_network_once(visit: Visit) -> None:
    finished(dataset={"name": "mnist"})
    older = [finished(loss={"name": "kd", "temperature": value}, result=distilled(0.95 + value / 1000)) for value in (1, 4)]
    finished(loss={"name": "kd", "temperature": 20}, student={"name": "cnn", "width": 8})
    app = visit("compare")
    assert sorted(table(app)["role"]) == ["baseline", "baseline", "student", "student", "student", "teacher"]
    assert query(app)["dataset"] == "digits"
    assert table(app).set_index("role").loc["teacher", "runs"] == 3
    assert any("The filter leaves 3 out." in caption.value for caption in app.caption)
    marked = table(visit("compare", runs=older[0]))
    assert marked.index[marked["settings"].str.contains("temperature 1,")].tolist()
    assert len(table(visit("compare", dataset="all"))) == 9
    assert len(table(visit("compare", dataset="mnist"))) == 3


def test_the_same_run_twice_is_one_network_until_it_is_marked(visit: Visit) -> None:
    first, second = finished(title="first"), finished(title="second")
    assert table(visit("compare"))["title"].tolist() == ["second"] * 3
    both = table(visit("compare", runs=f"{first},{second}"))
    assert both[both["role"] == "student"]["title"].tolist() == ["second", "first"]
    assert len(both) == 4


def test_settings_are_columns_of_the_table_and_of_its_file(visit: Visit) -> None:
    for value in (1, 4, 20):
        finished(loss={"name": "kd", "temperature": value}, result=distilled(0.9 + value / 1000))
    app = visit("compare", role="student")
    assert table(app)["Temperature T"].tolist() == [20, 4, 1]
    frame = models_table.models(store().runs(), "someone")
    shown, settings = models_table.with_settings(frame, {run.id: run for run in store().runs()})
    assert settings == ["Temperature T"]
    assert set(pd.read_csv(io.StringIO(models_table.csv(shown)))["Temperature T"].dropna()) == {1, 4, 20}


def test_a_setting_that_a_network_did_not_have_is_empty_and_its_method_too(visit: Visit) -> None:
    for value in (1, 4):
        finished(loss={"name": "kd", "temperature": value}, result=distilled(0.9 + value / 1000))
    found = table(visit("compare")).set_index("role")
    assert found.loc["student", "Temperature T"].tolist() == ["4", "1"]
    assert found.loc[["teacher", "baseline"], "Temperature T"].tolist() == ["", ""]
    assert found.loc[["teacher", "baseline"], "settings"].tolist() == ["", ""]
    assert found.loc["student", "settings"].str.startswith("KD").all()
    shown = list(found.columns)
    assert shown.index("settings") == shown.index("Temperature T") + 1
    assert "Temperature T" not in table(visit("compare", role="baseline"))


def test_runs_of_two_schemes_differ_in_the_scheme_its_knobs_and_the_loss_that_only_one_has(visit: Visit) -> None:
    finished(result=distilled())
    finished(scheme={"name": "mutual", "temperature": 2}, result=distilled())
    app = visit("compare", role="student")
    assert not app.exception
    shown = table(app)
    assert shown["Scheme"].tolist() == ["Mutual learning: two peers", "Offline: a trained teacher"]
    assert shown["Loss"].tolist() == ["Mutual learning: two peers", "KD (Hinton)"]
    assert results.role_called("teacher", store().runs()) == "Peer / Teacher"
    frame = models_table.models(store().runs(), "someone")
    assert set(frame.loc[frame["role"] == "teacher", "called"]) == {"Peer", "Teacher"}
    assert "Peer / Teacher" in {trace.name for trace in tradeoff(frame, "size").data}
    assert [int(value) for value in shown["Temperature T"] if value] == [4]
    assert [int(value) for value in shown["Scheme temperature"] if value] == [2]
    assert not [title for title in shown if "." in title]


def test_runs_that_differ_in_one_setting_are_found_and_offered(visit: Visit) -> None:
    hot, warm, cold = (finished(loss={"name": "kd", "temperature": value}) for value in (20, 4, 1))
    finished(loss={"name": "kd", "temperature": 4})  # the same once more: the newer stands for both
    finished(loss={"name": "kd", "temperature": 2, "alpha": 0.5})  # differs in two settings
    finished(kind="compress")
    (found,) = series.find(store().runs())
    assert (found.path, found.values) == ("loss.temperature", ("1", "4", "20"))
    assert [run.id for run in found.runs][::2] == [cold, hot]
    assert found.runs[1].id != warm
    (link,) = [link for link in visit("compare").get("page_link") if link.label.startswith("Temperature")]
    assert link.label == "Temperature T 1, 4, 20"
    assert link.proto.query_string == "runs=" + "%2C".join(run.id for run in found.runs)
    for width in (8, 1):
        finished(student={"name": "cnn", "width": width})
    assert "Student width 1, 4, 8" in series.labels(series.find(store().runs()))
    for temperature in (1, 2):
        finished(student={"name": "cnn", "width": 8}, loss={"name": "kd", "temperature": temperature})
    told = series.labels(series.find(store().runs()))
    assert "Temperature T 1, 4, 20 · CNN (width 4) learns from CNN (width 32), digits" in told


def test_one_run_alone_asks_for_another(visit: Visit) -> None:
    run = finished()
    app = visit("compare", runs=run)
    assert "Side by side" in titles(app)
    assert any("another run" in caption.value for caption in app.caption)
    assert len(app.dataframe) == 1


def test_marking_rows_puts_their_runs_into_the_address_whatever_the_filter_hides(visit: Visit) -> None:
    hidden = finished(kind="compress")
    first, second = (finished(loss={"name": "kd", "temperature": value}) for value in (1, 4))
    app = visit("compare", kind="distill", runs=hidden)
    app.session_state[models_table.KEY] = {"selection": {"rows": [0, 2]}}
    app.run()
    # A change made in the browser calls the table's callback; here the stored marks stand for it.
    assert query(app)["runs"] == hidden
    assert app.session_state[models_table.KEY]["selection"]["rows"] == []
    app = visit("compare", kind="distill", dataset="digits", runs=f"{hidden},{first}")
    (row,) = app.session_state[models_table.KEY]["selection"]["rows"]
    assert (table(app)["Temperature T"][row], table(app)["role"][row]) == ("1", "student")
    assert second


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
    runs = [finished(seeds=[seed]) for seed in range(33)]
    app = visit("compare", runs=",".join(runs))
    assert "At most 32 runs" in app.warning[0].value
    assert len(comparison(app)) == 32


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


def test_a_latency_that_is_not_reliable_is_hollow_named_and_on_no_front() -> None:
    frame = frame_of(("student", "digits", 10, 0.9), ("student", "digits", 20, 0.95))
    frame = frame.assign(latency_ms=[0.1, 0.2], latency_evidence=["disturbed", "measured"])
    figure = tradeoff(frame, "latency")
    best, points = figure.data
    assert list(best.x) == [0.2]
    assert list(points.marker.symbol) == ["circle-open", "circle"]
    assert "0.100 ms, not reliable" in points.text[0]
    assert "not reliable" in figure.layout.xaxis.title.text


@pytest.mark.parametrize("cost", COSTS)
def test_axes_are_logarithmic_and_name_unit_and_evidence(cost: str) -> None:
    run = store().run(finished())
    figure = tradeoff(models_frame([run]), cost)
    assert figure.layout.xaxis.type == "log"
    assert {"size": "bytes", "latency": "ms", "macs": "multiply"}[cost] in figure.layout.xaxis.title.text
    assert {"size": "file", "latency": "measured", "macs": "counted"}[cost] in figure.layout.xaxis.title.text
    json.loads(figure.to_json())


def curves_of(*runs: str, roles: tuple[str, ...] = ("student",), seeds: int = 1) -> pd.DataFrame:
    """Return curves of two epochs for each run, role and seed, the seeds a little apart."""
    rows = [
        (run, role, seed, epoch, "val_accuracy", 0.5 + seed / 10)
        for run in runs
        for role in roles
        for seed in range(seeds)
        for epoch in (0.0, 1.0)
    ]
    return pd.DataFrame(rows, columns=["run", "role", "seed", "epoch", "metric", "value"])


def test_each_run_has_a_colour_of_its_own_and_a_second_cue() -> None:
    eight = {f"run{index}": f"T {index}" for index in range(8)}
    lines = overlaid_curves(curves_of(*eight), "val_accuracy", eight, ["student"]).data
    assert [line.name for line in lines] == list(eight.values())
    assert len({line.line.color for line in lines}) == 8
    assert lines[0].line.dash != lines[1].line.dash
    both = curves_of("a", "b", roles=("student", "baseline"))
    lines = overlaid_curves(both, "val_accuracy", {"a": "T 8", "b": "T 2"}, ["student", "baseline"]).data
    assert [line.name for line in lines] == ["Student, T 8", "Baseline, T 8", "Student, T 2", "Baseline, T 2"]
    assert lines[0].line.color == lines[1].line.color != lines[2].line.color
    assert [line.line.dash for line in lines] == [ROLES["student"].dash, ROLES["baseline"].dash] * 2


def test_colours_of_ordered_runs_go_along_a_scale() -> None:
    assert run_colours(5, ordered=True) == list(SCALE)
    assert run_colours(9, ordered=True)[::2] == list(SCALE)
    assert run_colours(1, ordered=True) == [SCALE[0]]
    halfway = [int(run_colours(3, ordered=True)[1][start : start + 2], 16) for start in (1, 3, 5)]
    assert halfway == [int(SCALE[2][start : start + 2], 16) for start in (1, 3, 5)]


def test_seeds_are_a_band_around_their_mean() -> None:
    band, line = overlaid_curves(curves_of("a", seeds=3), "val_accuracy", {"a": "T 8"}, ["student"]).data
    assert list(line.y) == pytest.approx([0.6, 0.6])
    assert sorted(set(band.y)) == pytest.approx([0.5, 0.7])
    assert band.fill == "toself"
    assert band.legendgroup == line.legendgroup


def test_specs_flatten_to_dotted_paths() -> None:
    steps = [{"name": "prune", "sparsity": 0.5}, {"name": "remove"}, {"name": "finetune", "epochs": 2}]
    flat = flatten({"a": {"b": 1.0, "c": None}, "steps": steps, "seeds": [0, 1], "x": True})
    named = {"steps.0.name": "Prune", "steps.0.sparsity": "0.5", "steps.1.name": "Fine-tune", "steps.1.epochs": "2"}
    assert flatten({"steps": steps[:1]}) == {"steps.0.name": "Prune", "steps.0.sparsity": "0.5", "steps.remove": "no"}
    assert flat == {"a.b": "1", "a.c": "none", **named, "steps.remove": "yes", "seeds": "0, 1", "x": "yes"}


def test_labels_say_what_differs_and_never_coincide() -> None:
    def named(*given: dict) -> list[str]:
        return list(labels([store().run(finished(**spec)) for spec in given]).values())

    assert named({"teacher": {"name": "cnn", "width": 16}}, {}) == [
        "width 16",
        "width 32",
    ]
    assert named({"student": {"name": "mlp", "hidden": [32]}}, {}) == ["student MLP, hidden 32", "student CNN, width 4"]
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


def test_files_say_what_was_compared() -> None:
    runs = [store().run(finished(loss={"name": "kd", "temperature": value})) for value in (1, 20)]
    names = labels(runs)
    rows = pd.read_csv(io.StringIO(results.csv(runs, names)))
    assert rows["name"].tolist() == ["temperature 1"] * 3 + ["temperature 20"] * 3
    student = rows[rows["role"] == "student"].iloc[1]
    assert (student["loss.temperature"], student["answer"], student["run"]) == (20, "yes", runs[1].id)
    assert (student["difference_low"], student["difference_high"], student["accuracy"]) == (0.009, 0.033, 0.96)
    frame = pd.concat([curves_of(run.id) for run in runs])
    curves = pd.read_csv(io.StringIO(results.curves_csv(runs, names, frame)))
    assert sorted(set(curves["Temperature T"])) == [1, 20]
    assert curves["verdict"].iloc[0] == "Yes, +3.0 points (+0.9 to +3.3)"
    assert "alpha 0.9" in curves["in_common"].iloc[0]
    notes = side_by_side.notes(runs, names)
    assert "CNN (width 4) learns from CNN (width 32)" in notes[0]
    assert "temperature 20: Yes, +3.0 points" in notes[1]


def test_runs_of_different_kinds_stand_in_one_table() -> None:
    runs = [store().run(finished()), store().run(finished(kind="compress"))]
    table = results.table(runs, labels(runs), "someone")
    assert table["Kind"].tolist() == ["Distillation", "Compression"]
    assert table["Student: test accuracy"].tolist() == ["96.0 % (94.0 to 97.0)", "–"]
    assert table["File size"].tolist() == ["3.86 KB", "1.90 KB"]


def setting_points(path: str, *specs: dict) -> pd.DataFrame:
    """Return the points of finished runs over a setting."""
    return over_setting.points([store().run(finished(**spec)) for spec in specs], path)


def test_accuracy_over_a_number_has_intervals_and_levels_to_measure_it_by() -> None:
    specs = [{"loss": {"name": "kd", "temperature": value}, "result": distilled(0.94 + value / 1000)} for value in (20, 1, 4)]
    points = setting_points("loss.temperature", *specs)
    figure = accuracy_over(points, "Temperature T", logarithmic=True)
    by_name = {trace.name: trace for trace in figure.data if trace.showlegend is not False}
    assert list(by_name) == ["Teacher", "Baseline", "Student"]
    student = by_name["Student"]
    assert list(student.x) == [1, 4, 20]
    assert list(student.y) == pytest.approx([0.941, 0.944, 0.96])
    assert student.line.dash == "dot"
    assert student.error_y.array == pytest.approx([0.01] * 3)
    assert student.error_y.arrayminus == pytest.approx([0.02] * 3)
    assert list(by_name["Baseline"].x) == [1, 20]
    assert set(by_name["Baseline"].y) == {0.93}
    assert (figure.layout.xaxis.type, list(figure.layout.xaxis.ticktext)) == ("log", ["1", "4", "20"])
    json.loads(figure.to_json())


def test_a_reference_that_changes_with_the_setting_is_a_line_of_its_own() -> None:
    specs = []
    for width in (1, 2, 8):
        result = distilled(0.9 + width / 100)
        result["models"]["baseline"]["accuracy"] = 0.8 + width / 100
        specs.append({"student": {"name": "cnn", "width": width}, "result": result})
    figure = accuracy_over(setting_points("student.width", *specs), "Student width")
    baseline = next(trace for trace in figure.data if trace.name == "Baseline")
    assert list(baseline.x) == [1, 2, 8]
    assert list(baseline.y) == pytest.approx([0.81, 0.82, 0.88])


def test_what_else_differs_makes_a_line_each_and_choices_are_categories() -> None:
    specs = [{"loss": {"name": "kd", "temperature": value, "alpha": alpha}} for value in (1, 4) for alpha in (0.5, 1)]
    figure = accuracy_over(setting_points("loss.temperature", *specs), "Temperature T")
    lines = [trace for trace in figure.data if trace.error_y.array is not None]
    assert [line.name for line in lines] == ["Alpha α 0.5", "Alpha α 1"]
    assert lines[0].line.color != lines[1].line.color
    specs = [{"train": {"optimizer": name}} for name in ("sgd", "adam")]
    figure = accuracy_over(setting_points("train.optimizer", *specs), "Optimizer")
    assert figure.layout.xaxis.type == "category"
    assert list(figure.data[-1].x) == ["sgd", "adam"]
    assert figure.data[-1].mode == "markers"


@pytest.mark.parametrize(
    ("path", "values", "logarithmic"),
    [
        ("loss.temperature", [1, 4, 20], True),
        ("loss.temperature", [2, 4], False),
        ("loss.alpha", [0.1, 0.5, 1], False),
        ("loss.alpha", [0, 0.5, 1], False),
        ("student.width", [1, 2, 4, 8], True),
        ("train.lr", [0.05, 0.4], True),
        ("train.optimizer", ["adam", "sgd"], False),
    ],
)
def test_which_axes_are_logarithmic(path: str, values: list, logarithmic: bool) -> None:
    assert over_setting.is_logarithmic(path, values) is logarithmic


def test_runs_without_a_curve_or_a_point_are_named(visit: Visit) -> None:
    good = [finished(loss={"name": "kd", "temperature": value}) for value in (1, 4)]
    lost = started(loss={"name": "kd", "temperature": 20})
    store().finish(lost, TOKEN, FINISHED, result={"models": {"student": {"accuracy": None}}})
    app = visit("compare", runs=",".join([*good, lost]))
    assert not app.exception
    told = [caption.value.replace("\\", "") for caption in app.caption]
    assert any("Not in this chart" in text and "temperature 20" in text for text in told)
    assert any("Without such a curve: temperature 20." in text for text in told)


def test_names_of_marked_points_do_not_cross() -> None:
    frame = frame_of(*(("student", "digits", 10, accuracy) for accuracy in (0.74, 0.93, 0.97)))
    ring = next(t for t in tradeoff(frame, "size", marked={f"run{n}": f"{n}" for n in range(3)}).data if t.meta == "marked")
    assert dict(zip(ring.y, ring.textposition, strict=True)) == {0.74: "bottom right", 0.93: "middle right", 0.97: "top right"}


def test_marked_runs_stand_out_in_the_chart_of_all() -> None:
    frame = frame_of(("student", "digits", 10, 0.5), ("student", "digits", 20, 0.6), ("teacher", "digits", 90, 0.9))
    figure = tradeoff(frame, "size", marked={"run1": "<T 8>", "run2": "T 2"})
    ring = next(trace for trace in figure.data if trace.meta == "marked")
    assert (list(ring.x), list(ring.y), list(ring.text)) == ([20], [0.6], ["&lt;T 8&gt;"])
    assert list(ring.textposition) == ["bottom right"]
    named = [trace.name for trace in figure.data]
    assert named.index("Marked") < named.index("Student") < named.index("Teacher")
    student = next(trace for trace in figure.data if trace.name == "Student")
    assert student.marker.opacity[0] < student.marker.opacity[1] == 1
