"""A file of weights as the source of a network: uploaded, checked, said what is in it, and run."""

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from streamlit.testing.v1 import AppTest

from compression import networks, settings
from compression.data.load import load_present
from compression.export import weights
from compression.models import MODELS
from compression.own_weights import header
from compression.own_weights.storage import store as store_weights
from compression.runs import store
from tests.own_weights.published_server import publishing, saved
from tests.pages.conftest import Visit

CNN = {"name": "cnn", "width": 8}


@pytest.fixture(autouse=True)
def no_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs stay queued: nobody works on them."""
    monkeypatch.setattr("compression.runs.ensure_alive", lambda: None)


def network(classes: int = 10) -> torch.nn.Module:
    torch.manual_seed(0)
    return MODELS.bind(CNN)((1, 8, 8), classes).eval()


def content(model: torch.nn.Module, **metadata: Any) -> bytes:
    return safetensors.torch.save(model.state_dict(), {key: json.dumps(value) for key, value in metadata.items()})


def upload(app: AppTest, role: str, file: bytes, page: str = "distill") -> AppTest:
    key = f"{page}-{role}.weights-upload"
    return app.file_uploader(key=key).set_value(("mine.safetensors", file, "application/octet-stream")).run()


def words(app: AppTest) -> str:
    """Return the text of the page, without the signs that keep Markdown from reading it."""
    return " ".join(told.value for told in [*app.caption, *app.error, *app.warning, *app.markdown]).replace("\\", "")


def run_button(app: AppTest) -> Any:
    return next(button for button in app.button if button.label in ("Run", "Run compression"))


def stored() -> list[Path]:
    folder = settings.weights_folder()
    return [*folder.iterdir()] if folder.exists() else []


def test_without_a_file_the_page_asks_for_one_and_nothing_can_run(visit: Visit) -> None:
    app = visit("distill", **{"teacher.from": "file"})
    assert not app.exception
    assert not app.error
    assert "Choose a safetensors file" in words(app)
    assert run_button(app).disabled


@pytest.mark.parametrize(("page", "role"), [("distill", "teacher"), ("compress", "model")])
def test_without_a_file_no_network_of_the_zoo_is_said_to_be_trained(page: str, role: str, visit: Visit) -> None:
    assert "trained already" in words(visit(page))
    app = visit(page, **{f"{role}.from": "file"})
    assert "its file of weights is not there yet" in words(app)
    assert "trained already" not in words(app)
    assert not [button for button in app.button if "trained already" in button.label]


def test_a_file_of_the_lab_sets_the_network_and_can_run(visit: Visit) -> None:
    data = load_present({"name": "digits", "train_images": None, "split_seed": 0}, settings.data_root())
    app = visit("distill", **{"teacher.from": "file"})
    upload(app, "teacher", weights.to_bytes(network(), networks.facts_of(CNN, data)))
    assert not app.exception
    assert not app.error
    (path,) = stored()
    assert app.query_params["teacher.weights"] == path.stem
    assert app.slider(key="distill-teacher.width").value == 8
    assert f"Found in the file {path.stem[:8]}: 23 tensors" in words(app)
    assert "inputs normalized as the file says" in words(app)
    assert "of the file, not trained here" in words(app)
    run_button(app).click().run()
    assert store().runs(limit=1)[0].spec["teacher"] == {**CNN, "weights": path.stem}


def test_a_link_opens_a_stored_file_again_and_one_that_is_gone_is_told(visit: Visit, lab_home: Path) -> None:
    name = store_weights(content(network()), settings.weights_folder())
    link = {"model.from": "file", "model.weights": name, "model": "cnn", "model.width": "8"}
    app = visit("compress", **link)
    assert not app.exception
    assert not app.error
    assert "Found in the file" in words(app)
    assert "the file says nothing of normalization" in words(app)
    assert app.query_params["model.weights"] == name
    stored()[0].unlink()
    app.run()
    assert "no file of weights" in app.error[0].value
    assert run_button(app).disabled


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "0" * 31])
def test_a_link_names_no_path(name: str, visit: Visit) -> None:
    app = visit("distill", **{"teacher.from": "file", "teacher.weights": name})
    assert not app.exception
    assert "not the id of one" in app.warning[0].value
    assert run_button(app).disabled


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"", "no safetensors file"),
        (b"\x80\x04pickle", "written by torch.save"),
        (content(network())[:-1], "incomplete or corrupt"),
        (safetensors.torch.save({"a": torch.tensor([float("nan")])}), "a has numbers that are NaN"),
    ],
)
def test_a_broken_file_is_told_and_not_stored(file: bytes, said: str, visit: Visit) -> None:
    app = visit("distill", **{"teacher.from": "file"})
    upload(app, "teacher", file)
    assert not app.exception
    assert said in app.error[0].value.replace("\\", "")
    assert run_button(app).disabled
    assert not stored()
    upload(app, "teacher", content(network()))
    assert "8x1x3x3 in the file, 32x1x3x3 in this network" in app.error[0].value.replace("\\", "")
    app.slider(key="distill-teacher.width").set_value(8).run()
    assert not app.error
    assert not run_button(app).disabled


def test_a_file_over_the_limit_is_told(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    app = visit("distill", **{"teacher.from": "file"})
    monkeypatch.setattr(header, "MOST_BYTES", 100)
    upload(app, "teacher", content(network()))
    assert "larger than" in app.error[0].value
    assert not stored()


def test_a_classifier_of_other_classes_is_exchanged_and_that_is_said(visit: Visit) -> None:
    app = visit("compress", **{"model.from": "file", "model": "cnn", "model.width": "8"})
    upload(app, "model", content(network(classes=7)), "compress")
    assert not app.exception
    assert not app.error
    assert "tells 7 classes apart, and this dataset has 10: it gets a new classifier here" in words(app)
    assert app.query_params["model.new_classifier"] == "yes"
    run_button(app).click().run()
    assert store().runs(limit=1)[0].spec["model"] == {**CNN, "weights": stored()[0].stem, "new_classifier": True}


def test_a_classifier_that_fits_can_be_exchanged_too(visit: Visit) -> None:
    name = store_weights(content(network()), settings.weights_folder())
    link = {"teacher.from": "file", "teacher.weights": name, "teacher": "cnn", "teacher.width": "8"}
    app = visit("distill", **link, **{"teacher.new_classifier": "yes"})
    assert not app.warning
    run_button(app).click().run()
    assert store().runs(limit=1)[0].spec["teacher"]["new_classifier"] is True


def test_taking_the_file_away_leaves_none(visit: Visit) -> None:
    app = visit("distill", **{"teacher.from": "file", "teacher": "cnn", "teacher.width": "8"})
    upload(app, "teacher", content(network()))
    assert not run_button(app).disabled
    app.file_uploader(key="distill-teacher.weights-upload").set_value(None).run()
    assert "teacher.weights" not in app.query_params
    assert run_button(app).disabled


def test_a_scheme_that_trains_its_teachers_from_scratch_offers_no_file(visit: Visit) -> None:
    offered = {scheme: visit("distill", scheme=scheme) for scheme in ("mutual", "assistant")}
    keys = {scheme: {box.key: box.options for box in app.selectbox} for scheme, app in offered.items()}
    assert "distill-teacher.from" not in keys["mutual"]
    assert keys["assistant"]["distill-teacher.from"] == ["The zoo", "Own weights…"]


def test_the_run_of_an_address_fills_its_file(visit: Visit) -> None:
    app = visit("distill", **{"teacher.from": "file", "teacher": "cnn", "teacher.width": "8"})
    upload(app, "teacher", content(network()))
    run_button(app).click().run()
    again = visit("distill", run=store().runs(limit=1)[0].id)
    assert not again.exception
    assert again.selectbox(key="distill-teacher.from").value == "file"
    assert again.query_params["teacher.weights"] == stored()[0].stem
    assert not again.error


def test_published_weights_are_downloaded_when_a_button_is_pressed_and_set_their_network(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    with publishing(monkeypatch) as server:
        server.publish(saved(MODELS["cnn"].function((3, 32, 32), 1000).state_dict()))
        link = {"dataset": "cifar10", "teacher.from": "file", "teacher": "mlp"}
        app = visit("distill", **link)
        assert "licence" in words(app)
        assert "images keep the size they have here, 32 × 32" in words(app)
        assert not server.asked
        assert not stored()
        app.button(key="distill-teacher-published-cnn").click().run()
        assert not app.exception
        assert not app.error
        (path,) = (path for path in stored() if path.is_file())
        assert app.query_params["teacher.weights"] == path.stem
        assert app.selectbox(key="distill-teacher").value == "cnn"
        assert "inputs normalized as the file says" in words(app)
        assert "other classes apart (tench, goldfish, shark): it gets a new classifier here" in words(app)
        assert app.query_params["teacher.new_classifier"] == "yes"
        assert len(server.asked) == 1


def test_a_download_that_fails_is_told_and_nothing_can_run(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    with publishing(monkeypatch) as server:
        server.url = "http://127.0.0.1:1/models/cnn-00000000.pth"
        app = visit("distill", dataset="cifar10", **{"teacher.from": "file"})
        app.button(key="distill-teacher-published-cnn").click().run()
        assert not app.exception
        assert len(app.error) == 2, "beside the button, in what lies over the form, and in the form"
        assert all("connect this machine to the network" in told.value for told in app.error)
        assert run_button(app).disabled


def test_weights_for_colours_are_not_offered_for_grey_images(visit: Visit) -> None:
    app = visit("distill", **{"teacher.from": "file"})
    assert "are grey, and these weights take colours" in words(app)
    assert app.button(key="distill-teacher-published-resnet18_imagenet").disabled
