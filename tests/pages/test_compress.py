"""Compress: what shows at once without training, what the controls ask for, and what a run adds."""

import hashlib
import json
import re
import threading
from typing import Any

import pandas as pd
import pytest
import torch
from streamlit.testing.v1 import AppTest

from compression import networks, settings
from compression.charts.numbers import format_bytes
from compression.data import DATASETS
from compression.data.load import load_present
from compression.distillation import DISTILLATION
from compression.evaluation import predict
from compression.execute import execute
from compression.execute.compress import apply_at_once
from compression.export import compact, weights
from compression.recipe import default_recipe
from compression.runs import store
from compression.runs.records import CANCELLED, FAILED, INTERRUPTED
from compression.spec import parse
from tests.pages.conftest import Visit
from tests.pages.stored_runs import TOKEN, compressed, copies, distilled, executed, finished, started
from ui.compare import results
from ui.compress import preview_jobs
from ui.server.identity import COOKIE

DEFAULT = parse({"kind": "compress"}).to_json()
PRUNE, QUANTIZE, FINETUNE = DEFAULT["steps"]
QUICK = {"seeds": [0], "steps": [PRUNE, QUANTIZE, FINETUNE | {"epochs": 1}]}
SPARSITY, BITS = "compress-prune.sparsity", "compress-quantize.bits"


@pytest.fixture(autouse=True)
def no_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave submitted runs in the queue."""
    monkeypatch.setattr("compression.runs.ensure_alive", lambda: None)


@pytest.fixture(autouse=True)
def all_the_time_in_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a busy machine finish its curves before they are looked at."""
    monkeypatch.setattr("ui.compress.preview.PATIENCE_S", 60.0)


def visitor(app: AppTest) -> str:
    """Return who visits the page, as the store knows them."""
    return "guest-" + hashlib.sha256(app.session_state[COOKIE].encode()).hexdigest()[:16]


@pytest.fixture
def no_points_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the points that other tests in this process computed."""
    monkeypatch.setattr(preview_jobs, "_points", preview_jobs._Points(preview_jobs.POINTS_KEPT))


def button(app: AppTest, label: str) -> Any:
    (found,) = [button for button in app.button if button.label == label]
    return found


def run_it(app: AppTest) -> dict[str, Any]:
    """Press the primary button and return the spec of the run that it queued."""
    button(app, "Run compression").click().run()
    assert not app.exception
    (run,) = [run for run in store().runs() if run.state == "queued"]
    return run.spec


def words(app: AppTest) -> str:
    """Return the text of the page, without the signs that keep Markdown from reading it."""
    groups = (app.markdown, app.caption, app.warning, app.error, app.info)
    return "\n".join(element.value for group in groups for element in group).replace("\\", "")


def figures(app: AppTest) -> list[tuple[str, str, str]]:
    """Return the numbers at the top: title, value and note."""
    (text,) = [element.proto.body for element in app.main.get("html") if "figures-frame" in element.proto.body]
    boxes = re.findall(r"<span>(?:<i.*?</i>)?(.*?)</span><b>(.*?)</b><small>(.*?)</small>", text)
    assert len(boxes) == 4
    return boxes


def curve(app: AppTest, knob: str, name: str, column: str = "accuracy") -> dict[float, float]:
    """Return the points of one trace of the chart over a knob, sizes in bytes."""
    for element in app.main.get("bidi_component"):
        if element.proto.id.endswith(f"sketch-{knob}"):
            figure = json.loads(json.loads(element.proto.json or element.proto.mixed.json)["figure"])
            (trace,) = [trace for trace in figure["data"] if trace["meta"] == f"{name}-{column}"]
            points = {x: y for x, y in zip(trace["x"], trace["y"], strict=True) if x is not None}
            if column == "accuracy":
                return points
            unit = {" bytes": 1, " KB": 1000}[figure["layout"]["yaxis2"]["ticksuffix"]]
            return {x: round(unit * y) for x, y in points.items()}
    raise AssertionError(f"no chart over {knob}")


def axis_title(app: AppTest, knob: str) -> str:
    """Return what the axis of the chart over a knob says."""
    (found,) = [element for element in app.main.get("bidi_component") if element.proto.id.endswith(f"sketch-{knob}")]
    return json.loads(json.loads(found.proto.json or found.proto.mixed.json)["figure"])["layout"]["xaxis"]["title"]["text"]


def title(app: AppTest, knob: str) -> str:
    """Return the title of the chart over a knob."""
    (found,) = [element for element in app.main.get("bidi_component") if element.proto.id.endswith(f"sketch-{knob}")]
    return json.loads(json.loads(found.proto.json or found.proto.mixed.json)["figure"])["layout"]["title"]["text"]


def remarks(app: AppTest) -> list[str]:
    """Return what is said below each chart."""
    return [
        element.proto.body for element in app.main.get("html") if element.proto.body.startswith('<div class="figures-remark"')
    ]


def by_hand(sparsity: float, bits: int, **more: Any) -> tuple[float, int, int]:
    """Return validation accuracy, compact file size and fp32 file size of the default network, computed step by step."""
    dataset = load_present(DEFAULT["dataset"], settings.data_root())
    key = networks.cache_key(DEFAULT["dataset"], DEFAULT["model"], DEFAULT["train"], 0)
    path = networks.BUNDLED / f"{key}.safetensors"
    network = networks.read(path, dataset)
    steps = [PRUNE | {"sparsity": sparsity} | more, QUANTIZE | {"bits": bits}]
    state = apply_at_once(network, steps)
    right = predict(state.model, dataset, dataset.validation.inputs).argmax(1) == dataset.validation.labels
    target = settings.home() / f"{sparsity}-{bits}.compact"
    written = compact.write(target, state.contents(), networks.compressed_facts(network.facts, steps, state))
    return float(right.float().mean()), written, path.stat().st_size


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], Any]:
    """The events of a short compression and the folder that it left."""
    folder = tmp_path_factory.mktemp("run")
    workspace = networks.Workspace(folder, folder / "models", folder / "runs")
    return list(execute(parse({"kind": "compress", **QUICK}), workspace)), folder


@pytest.fixture
def done(real: tuple[list[dict[str, Any]], Any], lab_home: object) -> str:
    """A short compression as a finished run of the store."""
    return executed(*real, {"kind": "compress", **QUICK})


def test_at_once_and_without_training_the_numbers_are_those_of_the_steps_by_hand(visit: Visit) -> None:
    app = visit("compress")
    assert not app.exception
    accuracy, size, original = by_hand(0.8, 4)
    (before, after, file, latency) = figures(app)
    assert before == ("Before recovery", f"{100 * accuracy:.1f} %", "simulated on 259 validation images, seed 0")
    assert after[1] == latency[1] == "–"
    assert size < original / 12
    assert file == ("File", format_bytes(size), f"{original / size:.1f}× smaller than {format_bytes(original)}")
    assert f"24,170 parameters · 1.48 M MACs · {format_bytes(original)} · trained already" in words(app)
    assert "Press Run compression." in words(app)
    (glance,) = [element.proto.body for element in app.main.get("html") if "figures-glance" in element.proto.body]
    shown = re.findall(r"<span>(?:<i.*?</i>)?(.*?) <b>(.*?)</b></span>", glance)
    assert shown == [("Before recovery (simulated)", before[1]), ("File", file[1])]


def test_both_curves_hold_each_points_own_values(visit: Visit) -> None:
    app = visit("compress", sparsity="0.65", bits="3")
    over_sparsity, over_bits = (curve(app, knob, "before recovery") for knob in ("sparsity", "bits"))
    assert set(over_sparsity) == {*preview_jobs.SPARSITIES, 0.65}
    assert set(over_bits) == set(preview_jobs.BITS)
    here = by_hand(0.65, 3)
    assert over_sparsity[0.65] == over_bits[3] == pytest.approx(here[0])
    assert curve(app, "sparsity", "your setting") == {0.65: pytest.approx(here[0])}
    assert curve(app, "bits", "your setting", "size_bytes") == {3: here[1]}
    other = by_hand(0.3, 3)
    assert over_sparsity[0.3] == pytest.approx(other[0])
    assert curve(app, "sparsity", "before recovery", "size_bytes")[0.3] == other[1]
    other = by_hand(0.65, 8)
    assert over_bits[8] == pytest.approx(other[0])
    assert curve(app, "bits", "before recovery", "size_bytes")[8] == other[1]


def test_moving_a_slider_computes_only_what_it_changes(
    no_points_yet: None, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = visit("compress")
    asked: list[tuple[str, list[float]]] = []
    true = preview_jobs.preview

    def noted(*given: Any, sweep: str, values: list[float], **more: Any) -> Any:
        asked.append((sweep, values))
        return true(*given, sweep=sweep, values=values, **more)

    monkeypatch.setattr(preview_jobs, "preview", noted)
    app.slider(key=SPARSITY).set_value(0.77).run()
    assert {sweep for sweep, _values in asked} <= {"bits", "sparsity"}
    assert sum(len(values) for _sweep, values in asked) == len(preview_jobs.BITS)
    asked.clear()
    app.slider(key=SPARSITY).set_value(0.8).run()
    app.selectbox(key="compress-finetune.loss").set_value("kd").run()
    assert asked == []
    app.slider(key=BITS).set_value(7).run()
    assert sum(len(values) for _sweep, values in asked) == len(preview_jobs.SPARSITIES)


def test_in_idle_moments_the_next_moves_are_computed_ahead(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, float]] = []

    def noted(*_given: Any, sweep: str, values: list[float], **_more: Any) -> Any:
        for value in values:
            asked.append((sweep, value))
            yield {"value": value, "accuracy": 0.5, "size_bytes": 1, "nonzero": 1}

    monkeypatch.setattr(preview_jobs, "preview", noted)
    monkeypatch.setattr(preview_jobs, "MOST_MACS_AHEAD", 10**9)
    app = visit("compress", scheme="asymmetric", group="tensor", scope="layer")
    app.session_state["compress-sketch"]._ahead.result(60)
    monkeypatch.setattr(preview_jobs, "MOST_MACS_AHEAD", 0)
    asked.clear()
    for sparsity in (0.81, 0.13, 0.99, 0.8):
        app.slider(key=SPARSITY).set_value(sparsity).run()
    for bits in (5, 16, 1):
        app.slider(key=BITS).set_value(bits).run()
    assert not app.exception
    assert asked == []
    sketch = app.session_state["compress-sketch"]
    sketch.stop()
    monkeypatch.setattr(preview_jobs, "_points", preview_jobs._Points(10))
    sketch._look_ahead()
    assert asked == []


def test_run_untouched_asks_for_exactly_the_default_spec(visit: Visit) -> None:
    app = visit("compress")
    assert run_it(app) == DEFAULT
    (run,) = store().runs()
    assert (run.owner, run.state, run.kind) == (visitor(app), "queued", "compress")
    assert app.query_params["run"] == run.id


CHANGES = [
    ("selectbox", "prune.criterion", "taylor", {"steps": [PRUNE | {"criterion": "taylor"}, QUANTIZE, FINETUNE]}),
    ("selectbox", "prune.granularity", "channel", {"steps": [PRUNE | {"granularity": "channel"}, QUANTIZE, FINETUNE]}),
    ("selectbox", "prune.scope", "layer", {"steps": [PRUNE | {"scope": "layer"}, QUANTIZE, FINETUNE]}),
    ("slider", "prune.sparsity", 0.35, {"steps": [PRUNE | {"sparsity": 0.35}, QUANTIZE, FINETUNE]}),
    ("slider", "quantize.bits", 2, {"steps": [PRUNE, QUANTIZE | {"bits": 2}, FINETUNE]}),
    ("selectbox", "quantize.scheme", "asymmetric", {"steps": [PRUNE, QUANTIZE | {"scheme": "asymmetric"}, FINETUNE]}),
    ("selectbox", "quantize.method", "kmeans", {"steps": [PRUNE, {"name": "quantize", "method": "kmeans"}, FINETUNE]}),
    ("selectbox", "quantize.group", 64, {"steps": [PRUNE, QUANTIZE | {"group": 64}, FINETUNE]}),
    ("selectbox", "quantize.group", "tensor", {"steps": [PRUNE, QUANTIZE | {"group": "tensor"}, FINETUNE]}),
    ("number_input", "finetune.epochs", 9, {"steps": [PRUNE, QUANTIZE, FINETUNE | {"epochs": 9}]}),
    ("number_input", "finetune.lr", 0.002, {"steps": [PRUNE, QUANTIZE, FINETUNE | {"lr": 0.002}]}),
    ("selectbox", "finetune.loss", "kd", {"steps": [PRUNE, QUANTIZE, FINETUNE | {"loss": {"name": "kd"}}]}),
    ("checkbox", "activations", True, {"steps": [PRUNE, QUANTIZE, {"name": "quantize_activations"}, FINETUNE]}),
    ("checkbox", "finetune", False, {"steps": [PRUNE, QUANTIZE]}),
    ("slider", "model.width", 20, {"model": {"name": "cnn", "width": 20}}),
    ("selectbox", "model", "lenet300", {"model": {"name": "lenet300"}}),
    ("slider", "seeds", 2, {"seeds": [0, 1]}),
    ("number_input", "dataset.train_images", 150, {"dataset": {"name": "digits", "train_images": 150}}),
    ("number_input", "train.epochs", 3, {"train": {"epochs": 3}}),
    ("selectbox", "train.optimizer", "adam", {"train": {"optimizer": "adam"}}),
    ("selectbox", "dataset", "mnist", {"dataset": {"name": "mnist"}}),
]


@pytest.fixture
def few_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute two points of each curve beside that of the setting: enough where the curves are not looked at."""
    for knob, values in preview_jobs.VALUES.items():
        monkeypatch.setitem(preview_jobs.VALUES, knob, values[:2])


@pytest.mark.parametrize(("kind", "name", "value", "change"), CHANGES, ids=[f"{change[1]}-{change[2]}" for change in CHANGES])
def test_each_control_changes_its_part_of_the_spec_and_of_the_address(
    kind: str, name: str, value: Any, change: dict[str, Any], visit: Visit, few_points: None
) -> None:
    app = visit("compress")
    before = dict(app.query_params)
    getattr(app, kind)(key=f"compress-{name}").set_value(value).run()
    expected = parse({"kind": "compress", **change}).to_json()
    assert expected != DEFAULT
    query = dict(app.query_params)
    assert name in {setting for setting, text in query.items() if before.get(setting) != text}
    assert run_it(app) == expected
    again = visit("compress", **query)
    assert not again.warning
    assert getattr(again, kind)(key=f"compress-{name}").value == value


def test_a_criterion_with_knobs_of_its_own_shows_them_and_a_link_opens_them(visit: Visit) -> None:
    app = visit("compress")
    assert not [slider for slider in app.slider if slider.key == "compress-prune.criterion.images"]
    app.selectbox(key="compress-prune.criterion").set_value("taylor").run()
    app.slider(key="compress-prune.criterion.images").set_value(128).run()
    assert app.query_params["prune.criterion.images"] == "128"
    assert not any(value == "–" for title, value, _note in figures(app) if title in ("Before recovery", "File"))
    query = dict(app.query_params)
    spec = run_it(app)
    assert spec["steps"][0]["criterion"] == {"name": "taylor", "images": 128, "batch_size": 32}
    (run,) = store().runs()
    for again in (visit("compress", **query), visit("compress", run=run.id)):
        assert not again.warning
        assert again.slider(key="compress-prune.criterion.images").value == 128


def test_quantized_activations_have_their_knobs_and_a_link_opens_them(visit: Visit) -> None:
    app = visit("compress")
    ((_title, plain, _note), *_others) = figures(app)
    app.checkbox(key="compress-activations").check().run()
    app.slider(key="compress-quantize_activations.activation_bits").set_value(2).run()
    app.selectbox(key="compress-quantize_activations.observer").set_value("moving_average").run()
    app.slider(key="compress-quantize_activations.observer.rate").set_value(0.3).run()
    assert figures(app)[0][1] not in (plain, "–")
    query, spec = dict(app.query_params), run_it(app)
    observer = {"name": "moving_average", "rate": 0.3}
    rounded = {"name": "quantize_activations", "activation_bits": 2, "calibration_images": 256, "observer": observer}
    assert spec["steps"] == [PRUNE, QUANTIZE, rounded, FINETUNE]
    (run,) = store().runs()
    for again in (visit("compress", **query), visit("compress", run=run.id)):
        assert not again.warning
        assert again.slider(key="compress-quantize_activations.activation_bits").value == 2
        assert again.slider(key="compress-quantize_activations.observer.rate").value == 0.3


def test_a_latency_that_is_not_that_of_rounded_activations_is_called_simulated(visit: Visit) -> None:
    result = compressed()
    result["models"]["compressed"]["latency_ms"] |= {"simulated": True}
    steps = [PRUNE, QUANTIZE, {"name": "quantize_activations"}, FINETUNE]
    run = finished(kind="compress", steps=steps, result=result)
    app = visit("compress", run=run)
    assert not app.exception
    assert figures(app)[3][2].startswith("simulated: activations not rounded · original ")
    assert "Activations are rounded in simulation" in words(app)
    table = results.table([store().run(run)], {run: "a"}, "ada")
    assert list(table["Latency"]) == ["0.100 ms (simulated)"]


def test_a_quantizer_has_its_own_knobs_beside_the_bits_and_a_link_opens_them(visit: Visit) -> None:
    app = visit("compress")
    app.selectbox(key="compress-quantize.method").set_value("kmeans").run()
    assert {box.key for box in app.selectbox} >= {"compress-quantize.codebook", "compress-quantize.start"}
    assert "compress-quantize.scheme" not in {box.key for box in app.selectbox}
    assert app.selectbox(key="compress-quantize.codebook").value == "tensor"
    app.selectbox(key="compress-quantize.start").set_value("density").run()
    assert not app.exception
    query = dict(app.query_params)
    spec = run_it(app)
    own = {"codebook": "tensor", "start": "density", "rounds": 50}
    assert spec["steps"][1] == {"name": "quantize", "method": "kmeans", "bits": 4, **own}
    (run,) = store().runs()
    for again in (visit("compress", **query), visit("compress", run=run.id)):
        assert not again.warning
        assert again.selectbox(key="compress-quantize.start").value == "density"


def test_gradual_pruning_with_a_target_is_on_the_page_and_a_link_opens_it(visit: Visit) -> None:
    app = visit("compress")
    app.selectbox(key="compress-pruning").set_value("gradual").run()
    app.slider(key="compress-gradual.sparsity").set_value(0.9).run()
    assert not any(value == "–" for title, value, _note in figures(app) if title in ("Before recovery", "File"))
    assert set(curve(app, "sparsity", "before recovery")) == {*preview_jobs.SPARSITIES}
    assert figures(app)[0][2].startswith("pruned at once, simulated on 259 validation images")
    app.selectbox(key="compress-gradual.until").set_value("file_size").run()
    app.number_input(key="compress-gradual.until.kilobytes").set_value(5.0).run()
    assert not app.exception
    query = dict(app.query_params)
    spec = run_it(app)
    gradual = {"name": "gradual", "sparsity": 0.9, "until": {"name": "file_size", "kilobytes": 5}}
    assert spec == parse({"kind": "compress", "steps": [gradual, QUANTIZE, FINETUNE]}).to_json()
    (run,) = store().runs()
    for again in (visit("compress", **query), visit("compress", run=run.id)):
        assert not again.warning
        assert again.number_input(key="compress-gradual.until.kilobytes").value == 5


def test_the_loss_of_recovery_has_its_knobs_and_the_device_is_the_runs(visit: Visit) -> None:
    app = visit("compress", learn="kd", loss_temperature="8", device="cpu")
    loss = {"name": "kd", "temperature": 8}
    expected = parse({"kind": "compress", "steps": [PRUNE, QUANTIZE, FINETUNE | {"loss": loss}]})
    assert run_it(app) == expected.to_json()
    assert store().runs()[0].device == "cpu"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"sparsity": "1.5"}, "a number from 0 to 0.99"),
        ({"bits": "many"}, "a whole number from 1 to 16"),
        ({"granularity": "atoms"}, "allowed is one of weight (Single weights), channel (Whole channels)"),
        ({"from": "moon"}, "allowed is one of zoo (The zoo), run ("),
        ({"learn": "nothing"}, f"allowed is one of none (The labels alone), {next(iter(DISTILLATION))} ("),
        ({"finetune": "perhaps"}, "allowed is yes or no"),
        ({"run": "nosuchrun"}, "There is no run"),
    ],
)
def test_nonsense_in_the_address_is_said_and_the_defaults_hold(query: dict[str, str], said: str, visit: Visit) -> None:
    app = visit("compress", **query)
    assert not app.exception
    assert [said in warning.value for warning in app.warning] == [True]
    assert run_it(app) == DEFAULT


def test_settings_of_the_same_name_on_another_page_are_others(visit: Visit) -> None:
    app = visit("distill", seeds="7", dataset="mnist")
    app.query_params.clear()
    app.switch_page("../pages/compress.py").run()
    assert run_it(app) == DEFAULT


def test_a_network_that_is_not_trained_yet_is_told_in_one_sentence(visit: Visit) -> None:
    app = visit("compress", model_width="20")
    assert [info.value.replace("\\", "") for info in app.info] == [
        "This CNN (width 20) is not trained on Digits (8×8) for 20 epochs yet. Run trains it first; then its curves appear here."
    ]
    assert "trained first, once" in words(app)
    assert not app.main.get("bidi_component")
    assert not any("figures-frame" in element.proto.body for element in app.main.get("html"))
    assert not button(app, "Run compression").disabled


def test_what_distill_calls_trained_already_is_one_click_away(visit: Visit) -> None:
    app = visit("compress", model_width="32")
    assert "trained first, once, 20 epochs" in words(app)
    button(app, "Take the one trained already, 60 epochs").click().run()
    assert not app.exception
    assert "trained already, 60 epochs" in words(app)
    assert curve(app, "bits", "before recovery")
    spec = run_it(app)
    assert spec["train"] == default_recipe(DATASETS["digits"])


def test_the_titles_of_the_curves_say_where_the_other_knob_stands(visit: Visit) -> None:
    app = visit("compress", bits="3", sparsity="0.6")
    assert [title(app, knob) for knob in ("sparsity", "bits")] == ["Over sparsity, at 3 bits", "Over bits, at 60 % sparsity"]
    assert "Up to" in remarks(app)[0]
    assert "the file stays as large" in remarks(app)[0]


def test_the_margin_of_a_compression_is_chosen_and_kept_in_the_link(visit: Visit) -> None:
    app = visit("compress", tolerance="0.02")
    assert not app.warning
    assert run_it(visit("compress", **app.query_params))["tolerance"] == 0.02


def test_data_that_is_not_there_is_told_in_one_sentence(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_DATA", str(settings.home() / "nothing"))
    architecture = {"name": "mlp", "hidden": [8]}
    spec = parse({"kind": "compress", "dataset": {"name": "mnist"}, "model": architecture}).to_json()
    key = networks.cache_key(spec["dataset"], spec["model"], spec["train"], 0)
    settings.models_folder().mkdir(parents=True)
    facts = {"architecture": architecture, "dataset": "mnist", "shape": [1, 28, 28], "classes": 10}
    weights.save(settings.models_folder() / f"{key}.safetensors", networks.construct(architecture, (1, 28, 28), 10), facts)
    app = visit("compress", dataset="mnist", model="mlp", model_hidden="8")
    assert not app.exception
    assert ["MNIST is not downloaded yet" in info.value for info in app.info] == [True]
    assert "trained already" in words(app)


def test_a_network_of_an_earlier_run_can_be_compressed(visit: Visit, done: str) -> None:
    app = visit("compress", **{"from": "run"})
    assert app.selectbox(key="compress-model.made").options[0].startswith("Original · CNN (width 16) · ")
    app.selectbox(key="compress-model.made").set_value(f"{done}.compressed").run()
    assert not app.exception
    assert curve(app, "bits", "before recovery")
    assert run_it(app)["model"] == {"run": done, "role": "compressed", "seed": 0}


def test_without_an_earlier_run_there_is_nothing_to_choose(visit: Visit) -> None:
    finished(dataset={"name": "mnist"})
    app = visit("compress", **{"from": "run"})
    assert "No run on Digits (8×8) has finished yet" in app.error[0].value
    assert button(app, "Run compression").disabled


def test_a_run_whose_file_is_gone_is_told_in_one_sentence(visit: Visit) -> None:
    run = finished(result=distilled())
    app = visit("compress", **{"from": "run", "made": f"{run}.teacher"})
    assert not app.exception
    assert ["teacher" in info.value and run in info.value for info in app.info] == [True]


def test_a_finished_run_shows_what_it_found(visit: Visit, done: str) -> None:
    app = visit("compress", epochs="1", seeds="1", run=done)
    assert not app.exception
    models = store().run(done).result["models"]
    before, after, file, latency = figures(app)
    ((here, accuracy),) = curve(app, "bits", "your setting").items()
    assert (here, before[1:]) == (4, (f"{100 * accuracy:.1f} %", "simulated on 259 validation images, seed 0"))
    ((_bits, reached),) = curve(app, "bits", "after recovery").items()
    test = f"test, one seed: {100 * models['compressed']['accuracy']:.1f} %"
    assert after[1:] == (f"{100 * reached:.1f} %", f"validation images, seed 0 · {test}")
    assert after[1] != before[1]
    assert file[1] == f"{models['compressed']['size_bytes'] / 1000:.2f} KB"
    assert latency[2].startswith("measured · original ")
    assert "Does compression cost at most 1 point?" in words(app)
    assert "no kernel here makes use of zeros" in words(app)
    assert (
        len(
            [True for element in app.main.get("html") if "role-card" in element.proto.body and "<style" not in element.proto.body]
        )
        >= 2
    )
    files = {element.proto.label for element in app.main.get("download_button")}
    assert files == {
        "Download seed 0",
        "Layers (CSV)",
        "Curves (CSV)",
        "Settings (JSON)",
    }


def test_a_finished_run_adds_its_point_to_both_curves(visit: Visit, done: str) -> None:
    app = visit("compress", bits="6")
    told = [event.payload for event in store().events(done) if event.type == "metric" and event.payload["role"] == "compressed"]
    reached = max(told, key=lambda payload: payload["epoch"])["values"]["val_accuracy"]
    size = store().run(done).result["models"]["compressed"]["size_bytes"]
    assert curve(app, "bits", "after recovery") == {4: pytest.approx(reached)}
    assert curve(app, "bits", "after recovery", "size_bytes") == {4: size}
    assert curve(app, "sparsity", "after recovery") == {}
    app.selectbox(key="compress-quantize.group").set_value("tensor").run()
    assert curve(app, "bits", "after recovery") == {}


def test_runs_of_others_do_not_push_out_a_point(visit: Visit, done: str) -> None:
    copies(done, 100, spec=json.dumps(parse({"kind": "compress", "seeds": [7], "train": {"epochs": 1}}).to_json()), owner="grace")
    assert list(curve(visit("compress", bits="6"), "bits", "after recovery")) == [4]


def test_the_layer_table_has_both_sides_of_every_layer(visit: Visit, done: str) -> None:
    app = visit("compress", run=done)
    (table,) = [frame.value for frame in app.dataframe]
    assert list(table["layer"]) == [
        *("0 Conv2d", "1 BatchNorm2d", "3 Conv2d", "4 BatchNorm2d", "6 Conv2d", "7 BatchNorm2d", "11 Linear"),
    ]
    assert list(table["shape"])[-1] == "10×64"
    assert table["parameters"].sum() == 24_170
    assert list(table["bits"])[:2] == ["32 → 4", "32"]
    kept = [int(text.split("→")[-1].replace(",", "")) for text in table["nonzero"]]
    assert sum(kept) == store().run(done).result["models"]["compressed"]["nonzero"]
    taken = [int(text.split("→")[-1].replace(",", "")) for text in table["bytes"]]
    header, _tensors = compact.read(settings.runs_folder() / done / "compressed-seed0.compact")
    assert sum(taken) == sum(compact.payload_bytes(record) for record in header["tensors"])
    assert f"In all {sum(kept):,} of 24,170 parameters" in words(app)


def test_changed_controls_bring_back_what_is_expected_of_them(visit: Visit, done: str) -> None:
    app = visit("compress", epochs="1", seeds="1", run=done)
    assert "controls have changed" not in words(app)
    app.slider(key=SPARSITY).set_value(0.5).run()
    assert "controls have changed" in words(app)
    assert figures(app)[0][1] == f"{100 * by_hand(0.5, 4)[0]:.1f} %"
    assert figures(app)[1][1] == "–"
    assert "Does compression cost at most 1 point?" in words(app)


def test_a_finished_run_of_the_same_settings_is_offered(visit: Visit, done: str) -> None:
    app = visit("compress", epochs="1", seeds="1")
    (offer,) = [button.label for button in app.button if button.label.startswith("Show the result of these settings")]
    button(app, offer).click().run()
    assert app.query_params["run"] == [done] or app.query_params["run"] == done
    assert "Does compression cost at most 1 point?" in words(app)


@pytest.mark.parametrize(
    ("state", "error", "said", "offer"),
    [
        (FAILED, "There is no network.", "There is no network.", "Try again"),
        (CANCELLED, None, "This run was cancelled", "Resume"),
        (INTERRUPTED, None, "This run was interrupted", "Resume"),
    ],
)
def test_a_run_that_did_not_finish_says_why_and_can_go_on(
    state: str, error: str | None, said: str, offer: str, visit: Visit
) -> None:
    app = visit("compress")
    run = started(visitor(app), kind="compress")
    store().finish(run, TOKEN, state, error=error)
    app.session_state["compress-run"] = run
    app.run()
    assert said in words(app)
    button(app, offer).click().run()
    assert store().run(run).state == "queued"


def test_a_run_at_work_is_found_again_and_its_owner_may_cancel(visit: Visit) -> None:
    app = visit("compress")
    run = started(visitor(app), kind="compress")
    app.run()
    assert app.query_params["run"] == run
    app.button(key="run-cancel").click().run()
    assert store().run(run).cancelling


def test_weights_that_are_no_numbers_are_told_in_one_sentence(visit: Visit) -> None:
    spec = parse({"kind": "compress", "model": {"name": "mlp", "hidden": [4]}}).to_json()
    key = networks.cache_key(spec["dataset"], spec["model"], spec["train"], 0)
    broken = networks.construct(spec["model"], (1, 8, 8), 10)
    with torch.no_grad():
        next(broken.parameters()).fill_(torch.nan)
    settings.models_folder().mkdir(parents=True)
    facts = {"architecture": spec["model"], "dataset": "digits", "shape": [1, 8, 8], "classes": 10}
    weights.save(settings.models_folder() / f"{key}.safetensors", broken, facts)
    app = visit("compress", model="mlp", model_hidden="4")
    assert not app.exception
    assert ["not all finite numbers" in warning.value for warning in app.warning] == [True]


def test_a_sketch_that_is_stopped_leaves_the_rest(lab_home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = preview_jobs.find(DEFAULT)
    begun: list[float] = []

    def slow(*_given: Any, values: list[float], **_more: Any) -> Any:
        for value in values:
            begun.append(value)
            sketch.stop()
            yield {"value": value, "accuracy": 0.0, "size_bytes": 1, "nonzero": 1}

    monkeypatch.setattr(preview_jobs, "preview", slow)
    sketch = preview_jobs.Sketch(subject, [PRUNE | {"sparsity": 0.123}, QUANTIZE | {"bits": 9}])
    sketch.start()
    for knob in sketch.order:
        sketch.wait(knob, 30)
    assert sketch.done
    assert 1 <= len(begun) <= preview_jobs.WORKERS


def test_what_is_computed_ahead_waits_while_a_run_is_at_work(
    no_points_yet: None, lab_home: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = threading.Semaphore(0)

    def quick(*_given: Any, values: list[float], **_more: Any) -> Any:
        for value in values:
            computed.release()
            yield {"value": value, "accuracy": 0.5, "size_bytes": 1, "nonzero": 1}

    monkeypatch.setattr(preview_jobs, "preview", quick)
    monkeypatch.setattr(preview_jobs, "MOST_MACS_AHEAD", 10**9)
    monkeypatch.setattr(preview_jobs, "RUN_LOOK_S", 0.01)
    run = started()
    sketch = preview_jobs.Sketch(preview_jobs.find(DEFAULT), [PRUNE, QUANTIZE])
    sketch.look_ahead()
    assert computed.acquire(timeout=60)
    assert not computed.acquire(timeout=0.5)
    store().finish(run, TOKEN, "finished")
    assert computed.acquire(timeout=60)
    sketch.stop()


def test_curves_that_take_long_come_bit_by_bit(no_points_yet: None, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def slow(*_given: Any, values: list[float], **_more: Any) -> Any:
        for value in values:
            yield {"value": value, "accuracy": 0.5, "size_bytes": 1, "nonzero": 1}
            go_on.wait(60)

    monkeypatch.setattr(preview_jobs, "preview", slow)
    monkeypatch.setattr("ui.compress.preview.PATIENCE_S", 0.05)
    app = visit("compress", sparsity="0.21", bits="11")
    assert not app.exception
    assert 0 < len(curve(app, "sparsity", "before recovery")) < len(preview_jobs.SPARSITIES)
    go_on.set()
    sketch = app.session_state["compress-sketch"]
    for knob in sketch.order:
        sketch.wait(knob, 60)
    app.run()
    assert len(curve(app, "sparsity", "before recovery")) == len(preview_jobs.SPARSITIES) + 1


def test_points_that_nobody_asks_for_any_more_make_room() -> None:
    points = preview_jobs._Points(2)
    for name in "ab":
        points.put((name, ""), {"of": name})
    assert points.get(("a", "")) == {"of": "a"}
    points.put(("c", ""), {"of": "c"})
    assert [points.get((name, "")) is not None for name in "abc"] == [True, False, True]


def test_of_training_images_only_those_for_criteria_stay_in_memory_and_none_of_the_test(lab_home: object) -> None:
    dataset = preview_jobs.find(DEFAULT).network.data
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (1024, 259, 0)
    assert isinstance(preview_jobs.Sketch(preview_jobs.find(DEFAULT), DEFAULT["steps"]).curve("bits"), pd.DataFrame)


def test_a_quantizer_without_a_choice_of_bits_has_no_slider_of_bits(visit: Visit) -> None:
    app = visit("compress")
    app.selectbox(key="compress-quantize.method").set_value("ternary").run()
    assert not app.exception
    assert "compress-quantize.bits" not in {slider.key for slider in app.slider}
    assert "Bits: 2." in words(app)
    assert set(curve(app, "bits", "before recovery")) == {2}
    assert set(curve(app, "sparsity", "your setting")) == {0.8}
    query = dict(app.query_params)
    spec = run_it(app)
    assert spec["steps"][1] == {"name": "quantize", "method": "ternary", "bits": 2, "group": "channel"}
    for again in (visit("compress", **query), visit("compress", run=store().runs()[0].id)):
        assert not again.warning
        assert again.selectbox(key="compress-quantize.method").value == "ternary"
    app.selectbox(key="compress-quantize.method").set_value("uniform").run()
    assert app.slider(key="compress-quantize.bits").value == 4
