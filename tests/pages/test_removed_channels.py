"""Channels that are removed for good, from the Compress page on: the box to tick, links, what is shown at once, the result."""

from pathlib import Path

import pytest

from compression import networks, settings
from compression.errors import LabError
from compression.execute import execute
from compression.runs import store
from compression.runs.records import FINISHED
from compression.spec import parse
from tests.pages.conftest import Visit
from tests.pages.stored_runs import TOKEN, executed, started
from tests.pages.test_compare import titles
from tests.pages.test_compress import (
    DEFAULT,
    FINETUNE,
    PRUNE,
    QUANTIZE,
    axis_title,
    button,
    by_hand,
    curve,
    figures,
    run_it,
    words,
)
from ui.compress import preview_jobs
from ui.run.differences import settings_rows

CHANNELS = {**PRUNE, "granularity": "channel", "sparsity": 0.5}
REMOVE = {"name": "remove"}
BOX = "compress-remove"


@pytest.fixture(autouse=True)
def no_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave submitted runs in the queue, and wait for curves however busy the machine is."""
    monkeypatch.setattr("compression.runs.ensure_alive", lambda: None)
    monkeypatch.setattr("ui.compress.preview.PATIENCE_S", 60.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict], Path, dict]:
    """The events, the folder and the spec of a compression that removes channels."""
    folder = tmp_path_factory.mktemp("run")
    spec = parse({"kind": "compress", "seeds": [0], "steps": [CHANNELS, REMOVE, QUANTIZE, FINETUNE | {"epochs": 1}]})
    workspace = networks.Workspace(folder, folder / "models", folder / "runs")
    return list(execute(spec, workspace)), folder, spec.to_json()


@pytest.fixture
def removed(made: tuple[list[dict], Path, dict], lab_home: Path) -> str:
    """That compression as a finished run of the store."""
    return executed(*made)


def test_the_box_is_there_for_channels_and_asks_for_the_step(visit: Visit) -> None:
    app = visit("compress")
    assert BOX not in {box.key for box in app.checkbox}
    app.selectbox(key="compress-prune.granularity").set_value("channel").run()
    assert not app.checkbox(key=BOX).value
    assert "pruned channels stay as zeros" in words(app)
    app.slider(key="compress-prune.sparsity").set_value(0.5).run()
    app.checkbox(key=BOX).check().run()
    assert "pruned channels stay as zeros" not in words(app)
    query = dict(app.query_params)
    assert query["remove"] in ("yes", ["yes"])
    spec = run_it(app)
    assert spec == parse({"kind": "compress", "steps": [CHANNELS, REMOVE, QUANTIZE, FINETUNE]}).to_json()
    (run,) = store().runs()
    for again in (visit("compress", **query), visit("compress", run=run.id)):
        assert not again.warning
        assert again.checkbox(key=BOX).value
    again.selectbox(key="compress-prune.granularity").set_value("weight").run()
    assert BOX not in {box.key for box in again.checkbox}
    assert not again.exception


def test_it_follows_gradual_pruning_too(visit: Visit) -> None:
    app = visit("compress", pruning="gradual", **{"gradual.granularity": "channel", "remove": "yes"})
    assert app.checkbox(key=BOX).value
    assert [step["name"] for step in run_it(app)["steps"]] == ["gradual", "remove", "quantize", "finetune"]


@pytest.mark.parametrize("steps", [[CHANNELS, QUANTIZE, FINETUNE], [CHANNELS, REMOVE, QUANTIZE, FINETUNE], DEFAULT["steps"]])
def test_links_to_runs_with_and_without_it_open_what_ran(visit: Visit, steps: list[dict]) -> None:
    spec = parse({"kind": "compress", "steps": steps}).to_json()
    app = visit("compress", run=started(**spec))
    assert not app.warning
    assert run_it(app) == spec


def test_a_link_of_before_means_zeros(visit: Visit) -> None:
    app = visit("compress", **{"prune.granularity": "channel"})
    assert [step["name"] for step in run_it(app)["steps"]] == ["prune", "quantize", "finetune"]


def test_what_shows_at_once_is_the_smaller_network(visit: Visit) -> None:
    app = visit("compress", **{"prune.granularity": "channel", "prune.sparsity": "0.5", "remove": "yes"})
    assert not app.exception
    _accuracy, larger, _original = by_hand(0.5, 4, granularity="channel")
    assert set(curve(app, "sparsity", "before recovery")) == {*preview_jobs.SPARSITIES}
    size = curve(app, "sparsity", "your setting", "size_bytes")[0.5]
    assert size < 0.75 * larger
    assert not any(value == "–" for title, value, _note in figures(app) if title in ("Before recovery", "File"))
    app.slider(key="compress-quantize.bits").set_value(16).run()
    masked = by_hand(0.5, 16, granularity="channel")[0]
    assert curve(app, "sparsity", "your setting") == {0.5: pytest.approx(masked, abs=0.005)}


def test_a_network_whose_channels_cannot_be_followed_is_refused_with_the_reason(visit: Visit) -> None:
    app = visit("compress", model="resnet", **{"model.depth": "8", "prune.granularity": "channel", "remove": "yes"})
    assert not app.exception
    assert "Run is off" in words(app)
    assert "cannot be followed in this version" in words(app)
    app.checkbox(key=BOX).uncheck().run()
    assert "Run is off" not in words(app)


def test_the_result_says_removed_and_its_layers_have_both_sizes(visit: Visit, removed: str) -> None:
    app = visit("compress", run=removed)
    assert not app.exception
    assert not app.warning
    models = store().run(removed).result["models"]
    ratio = models["original"]["macs"] / models["compressed"]["macs"]
    assert ratio > 1.5
    assert f"Channels are removed, not only set to zero: an image takes {ratio:.2f}× fewer" in words(app)
    (table,) = [frame.value for frame in app.dataframe]
    assert list(table["shape"])[-1].startswith("10×64 → 10×")
    for column in ("parameters", "macs"):
        after = [int(text.split("→")[-1].replace(",", "")) for text in table[column]]
        before = [int(text.split("→")[0].replace(",", "")) for text in table[column]]
        assert (sum(before), sum(after)) == (models["original"][column], models["compressed"][column])


def test_a_run_made_so_is_offered_as_it_is_now(visit: Visit, removed: str) -> None:
    """Its numbers are those of the smaller network, on both pages, and it can be compressed on."""
    models = store().run(removed).result["models"]
    chosen = {"run": removed, "role": "compressed", "seed": "0"}
    app = visit("compress", **{f"model.{name}": value for name, value in chosen.items()})
    assert not app.exception
    assert f"{models['compressed']['parameters']:,} parameters" in words(app)
    assert not any(value == "–" for title, value, _note in figures(app) if title in ("Before recovery", "File"))
    assert run_it(app)["model"] == {"run": removed, "role": "compressed", "seed": 0}
    app = visit("distill", loss="fitnets", **{f"teacher.{name}": value for name, value in chosen.items()})
    assert not app.exception
    assert f"{models['compressed']['parameters']:,} parameters" in words(app)
    shapes = [row["shape"] for row in store().events(removed, types=["layers"])[-1].payload["rows"]]
    assert f"{shapes[4][0]}×8×8" in words(app)


def test_a_file_that_is_gone_is_no_traceback(visit: Visit, removed: str) -> None:
    (settings.runs_folder() / removed).unlink()
    chosen = {"model.run": removed, "model.role": "compressed", "model.seed": "0"}
    app = visit("compress", **chosen)
    assert not app.exception
    with pytest.raises(LabError):
        networks.find_artifact(
            {"run": removed, "role": "compressed", "seed": 0},
            networks.Workspace(Path(), settings.models_folder(), settings.runs_folder()),
        )


def test_masked_and_removed_differ_in_one_setting_side_by_side(visit: Visit, removed: str) -> None:
    """Not in the number of every step that follows."""
    run = store().run(removed)
    steps = [step for step in run.spec["steps"] if step["name"] != "remove"]
    spec = parse({**run.spec, "steps": steps}).to_json()
    masked = started(**spec)
    store().finish(masked, TOKEN, FINISHED, result=run.result)
    pair = [store().run(masked), store().run(removed)]
    assert settings_rows(pair) == {"steps.remove": ["no", "yes"]}
    app = visit("compare", runs=f"{masked},{removed}")
    assert not app.exception
    assert titles(app)[0].startswith("Pruned channels removed: ")


def test_a_sweep_of_a_later_steps_setting_goes_on_when_the_box_is_ticked(visit: Visit) -> None:
    app = visit("compress", **{"prune.granularity": "channel", "several": "steps.1.bits", "several.values": "2, 4"})
    for place, tick in ((2, True), (1, False)):
        (app.checkbox(key=BOX).check() if tick else app.checkbox(key=BOX).uncheck()).run()
        assert not app.exception
        assert app.selectbox(key="compress-several").value == f"steps.{place}.bits"
        assert "Run all 2 settings" in [button.label for button in app.button]


def test_the_axis_says_whether_weights_or_channels_go(visit: Visit) -> None:
    app = visit("compress")
    assert axis_title(app, "sparsity") == "Weights removed"
    app.selectbox(key="compress-prune.granularity").set_value("channel").run()
    assert axis_title(app, "sparsity") == "Channels removed"
    assert axis_title(app, "bits") == "Bits a weight"


def test_a_network_quantized_in_groups_is_refused_when_run_is_pressed(visit: Visit, tmp_path: Path) -> None:
    spec = parse({"kind": "compress", "seeds": [0], "steps": [{**QUANTIZE, "group": 32}]})
    workspace = networks.Workspace(tmp_path / "run", tmp_path / "models", tmp_path / "none")
    run = executed(list(execute(spec, workspace)), workspace.folder, spec.to_json())
    chosen = {"model.run": run, "model.role": "compressed", "model.seed": "0", "prune.granularity": "channel", "remove": "yes"}
    app = visit("compress", **chosen)
    assert not app.exception
    before = len(store().runs())
    button(app, "Run compression").click().run()
    assert "in groups across their inputs: remove first" in words(app)
    assert len(store().runs()) == before
