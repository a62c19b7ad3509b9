"""A closer look at a finished distillation: counts and pictures against what the networks answer, and links."""

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from compression import networks
from compression.answers import ask
from compression.data.load import load_present
from compression.execute import execute
from compression.spec import parse
from tests.pages.conftest import Visit
from tests.pages.stored_runs import distilled, executed, finished
from ui.distill import closer

QUICK = {"kind": "distill", "train": {"epochs": 2}, "transfer": {"images": 100}, "seeds": [0, 1]}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict], Path, dict]:
    """The events, the folder and the spec of a distillation with two seeds."""
    folder = tmp_path_factory.mktemp("run")
    spec = parse(QUICK)
    return list(execute(spec, networks.Workspace(folder, folder / "models", folder / "runs"))), folder, spec.to_json()


@pytest.fixture
def charts(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The figures of the closer look that were drawn, by key."""
    drawn: dict[str, str] = {}
    monkeypatch.setattr(closer, "live_chart", lambda figure, *, key, **looks: drawn.update({key: figure}))
    return drawn


def test_nothing_is_computed_before_a_view_is_chosen(visit: Visit, made: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.run.answers.asked", lambda *given: pytest.fail("asked"))
    app = visit("distill", run=executed(*made))
    assert not app.exception
    assert "look" not in app.query_params


def test_a_result_that_names_no_file_is_told_and_breaks_nothing(visit: Visit) -> None:
    result = distilled()
    for model in result["models"].values():
        model["per_seed"] = [{"seed": 0, "accuracy": 0.9}]
    app = visit("distill", run=finished(result=result), look="rescued")
    assert not app.exception
    assert any("has no file of its teacher" in info.value for info in app.info)


def test_rescued_images_are_counted_at_the_seed_of_the_link(visit: Visit, made: tuple, lab_home: Path) -> None:
    app = visit("distill", run=executed(*made), look="rescued", **{"look.seed": "1"})
    assert not app.exception
    assert (app.query_params["look"], app.query_params["look.seed"]) == ("rescued", "1")
    digits = load_present({"name": "digits", "train_images": None, "split_seed": 0}, lab_home)
    files = {role: made[1] / f"{role}-seed1.safetensors" for role in ("baseline", "student")}
    found = ask(files, digits, "test")
    right = {role: logits.argmax(1) == digits.test.labels for role, logits in found.logits.items()}
    expected = [int((~right["baseline"]).sum()), 500]
    expected += [int((right["student"] & ~right["baseline"]).sum()), int((right["baseline"] & ~right["student"]).sum())]
    told = next(text.value for text in app.markdown if "the student avoids" in text.value)
    assert [int(number) for number in re.findall(r"\d+", told)] == [*expected, 1]


@pytest.mark.parametrize("view", ["classes", "calibration"])
def test_charts_stand_on_all_seeds(view: str, visit: Visit, made: tuple, charts: dict[str, str]) -> None:
    app = visit("distill", run=executed(*made), look=view)
    assert not app.exception
    assert list(charts) == [f"closer-{view}"]
    assert any("2 seeds" in caption.value and "500 test images" in caption.value for caption in app.caption)


def test_the_loss_scale_tells_the_share_of_the_gradients_that_were_measured(
    visit: Visit, made: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    monkeypatch.setattr("ui.distill.loss_scale.live_chart", lambda figure, **looks: drawn.append(figure))
    events = made[0]
    app = visit("distill", run=executed(*made), look="scale")
    assert not app.exception
    assert len(drawn) == 1
    measured = [event["values"] for event in events if event["type"] == "metric" and "gradient_labels" in event["values"]]
    shares = [told["gradient_teacher"] / (told["gradient_teacher"] + told["gradient_labels"]) for told in measured]
    assert len(shares) == QUICK["train"]["epochs"]
    expected = f"gave {100 * sum(shares) / len(shares):.1f} % of the two"
    assert any(expected in caption.value.replace("\\", "") for caption in app.caption)


def test_nonsense_in_the_address_is_said(visit: Visit, made: tuple) -> None:
    app = visit("distill", run=executed(*made), look="everything", **{"look.seed": "9"})
    assert not app.exception
    told = " ".join(warning.value for warning in app.warning)
    assert "everything" in told
    assert "9" in told


def test_files_that_are_gone_are_said_in_a_sentence(visit: Visit) -> None:
    result: dict[str, Any] = distilled()
    for role, model in result["models"].items():
        model["per_seed"] = [{"seed": 0, "accuracy": 0.9, "artifact": f"{role}-seed0.safetensors"}]
    app = visit("distill", run=finished(result=result), look="classes")
    assert not app.exception
    assert any("has no file of its teacher" in info.value for info in app.info)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_has_the_pixels_of_its_image(channels: int) -> None:
    pixels = torch.randint(0, 256, (channels, 5, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(channels))
    encoded = closer.picture_url(pixels).removeprefix("data:image/png;base64,")
    array = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))
    expected = pixels[0] if channels == 1 else pixels.permute(1, 2, 0)
    assert (array == expected.numpy()).all()
