"""The page Temperature: whose answers it shows, in which order, and what its link brings back."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from compression import networks
from compression.answers import Answers, ask
from compression.data.arrays import Split
from compression.data.load import load_present
from compression.execute import execute
from compression.spec import parse
from tests.pages.conftest import Visit
from tests.pages.stored_runs import executed, finished
from ui.run import answers, example, softened_answers
from ui.widgets import softened

QUICK = {"kind": "distill", "train": {"epochs": 1}, "transfer": {"images": 50}, "seeds": [0, 1]}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is sent to the browser, newest last."""
    sent: list[dict[str, Any]] = []
    mount: Callable[..., Any] = softened._mount

    def note(**given: Any) -> Any:
        sent.append(given["data"])
        return mount(**given)

    monkeypatch.setattr(softened, "_mount", note)
    return sent


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict], Path, dict]:
    """The events, the folder and the spec of a distillation with two seeds."""
    folder = tmp_path_factory.mktemp("run")
    spec = parse(QUICK)
    return list(execute(spec, networks.Workspace(folder, folder / "models", folder / "runs"))), folder, spec.to_json()


def test_it_shows_the_example_before_anything_has_run(visit: Visit, shown: list[dict[str, Any]]) -> None:
    app = visit("temperature")
    assert not app.exception
    assert app.selectbox(key="temperature-run").value == "example"
    assert [network["name"] for network in shown[-1]["networks"]] == ["teacher", "untrained", "student", "baseline"]
    assert len(shown[-1]["images"]) == softened_answers.IMAGES
    assert shown[-1]["temperature"] == 4.0


def test_the_networks_of_the_example_are_those_that_home_tells_of(lab_home: Path) -> None:
    """Their accuracy on test images is that of the first seed in the result."""
    found = answers.asked(answers.of_example(), "test")
    for role, model in example.run()["result"]["models"].items():
        right = (found.logits[role].argmax(1) == found.split.labels).float().mean()
        assert float(right) == pytest.approx(model["per_seed"][0]["accuracy"])


def test_a_run_and_its_seed_come_back_from_a_link(visit: Visit, made: tuple, lab_home: Path, shown: list[dict[str, Any]]) -> None:
    run = executed(*made)
    app = visit("temperature", run=run, seed="1", temperature="9")
    assert not app.exception
    assert not app.warning
    assert app.selectbox(key="temperature-run").value == run
    assert app.selectbox(key="temperature-seed").value == 1
    assert shown[-1]["temperature"] == 9.0
    folder = made[1]
    own = torch.tensor(next(network["logits"] for network in shown[-1]["networks"] if network["name"] == "student"))
    digits = load_present({"name": "digits", "train_images": None, "split_seed": 0}, lab_home)
    expected = ask({"student": folder / "student-seed1.safetensors"}, digits, "validation", images=100)
    assert torch.allclose(own.sort(0).values, expected.logits["student"].sort(0).values, atol=1e-4)
    assert (app.query_params["run"], app.query_params["seed"], app.query_params["temperature"]) == (run, "1", "9")


def test_an_ensembles_first_teacher_is_said_to_be_one_of_several(visit: Visit, made: tuple, lab_home: Path) -> None:
    events, folder, spec = made
    alone = "teachers answer together"
    assert alone not in " ".join(caption.value for caption in visit("temperature", run=executed(*made)).caption)
    result = copy.deepcopy(events[-1]["result"])
    result["models"]["teacher"]["members"] = 3
    run = executed([*events[:-1], {**events[-1], "result": result}], folder, spec)
    told = " ".join(caption.value for caption in visit("temperature", run=run).caption)
    assert "3 teachers answer together" in told


def test_what_a_link_cannot_give_is_said(visit: Visit, shown: list[dict[str, Any]]) -> None:
    app = visit("temperature", run="gone", temperature="hot")
    assert not app.exception
    told = " ".join(warning.value for warning in app.warning)
    assert "gone" in told
    assert "hot" in told
    assert shown[-1]["temperature"] == 4.0


def test_a_run_whose_files_are_gone_is_said_in_a_sentence(visit: Visit) -> None:
    models = {"teacher": {"accuracy": 0.9}, "student": {"accuracy": 0.9}}
    for role, model in models.items():
        model["per_seed"] = [{"seed": 0, "accuracy": 0.9, "artifact": f"{role}-seed0.safetensors"}]
        model["architecture"] = {"name": "cnn", "width": 2}
    run = finished(result={"models": models, "verdict": None})
    app = visit("temperature", run=run)
    assert not app.exception
    assert any("has no file of its teacher" in info.value for info in app.info)


def test_images_come_in_order_of_the_teachers_gap_and_its_mistakes_last() -> None:
    logits = torch.tensor([[9.0, 0.0, 0.0], [0.0, 1.0, 0.5], [0.0, 3.0, 2.9], [2.0, 0.0, 0.0]])
    labels = torch.tensor([0, 1, 2, 0])  # the third is wrong
    split = Split(torch.arange(4, dtype=torch.uint8).view(4, 1, 1, 1), labels)
    found = softened_answers.instructive_first(Answers(split, ("a", "b", "c"), {"teacher": logits}))
    assert found.split.inputs.flatten().tolist() == [1, 3, 0, 2]
    assert found.split.labels.tolist() == [1, 0, 0, 2]
    assert torch.equal(found.logits["teacher"], logits[[1, 3, 0, 2]])


def test_images_come_first_on_which_the_student_learned_its_teachers_second_guess_and_is_no_surer() -> None:
    teacher = torch.tensor([[3.0, 2.9, 0.0], [4.0, 2.0, 0.0], [5.0, 2.0, 0.0], [6.0, 2.0, 0.0], [0.0, 9.0, 0.0]])
    student = torch.tensor([[0.0, 9.0, 0.0], [4.0, 0.0, 2.0], [4.0, 2.0, 0.0], [9.0, 2.0, 0.0], [0.0, 9.0, 0.0]])
    split = Split(torch.arange(5, dtype=torch.uint8).view(5, 1, 1, 1), torch.zeros(5, dtype=torch.int64))
    found = softened_answers.instructive_first(Answers(split, ("a", "b", "c"), {"teacher": teacher, "student": student}))
    # The student is wrong, has another second guess, has both, is surer; the teacher is wrong.
    assert found.split.inputs.flatten().tolist() == [2, 0, 1, 3, 4]


def test_the_first_image_of_the_example_is_one_that_its_teacher_and_its_taught_student_get_right(lab_home: Path) -> None:
    found = softened_answers.instructive_first(answers.asked(answers.of_example(), "validation", softened_answers.IMAGES))
    assert {int(found.logits[role][0].argmax()) for role in ("teacher", "student")} == {int(found.split.labels[0])}


def test_a_run_without_a_teacher_is_said_to_have_none(visit: Visit, shown: list[dict[str, Any]]) -> None:
    models = {"student": {"accuracy": 0.9, "per_seed": [{"seed": 0, "accuracy": 0.9}], "architecture": {"name": "cnn"}}}
    run = finished(result={"models": models, "verdict": None})
    app = visit("temperature", run=run)
    (told,) = [warning.value for warning in app.warning]
    assert told == f"Run {run} has no teacher, so there are no answers of one to soften; those of the example are shown."
    assert len(shown[-1]["images"]) == softened_answers.IMAGES


@pytest.mark.parametrize(("loss", "offered"), [("kd", True), ("dkd", True), ("dist", False), ("virtual_teacher", False)])
def test_distill_offers_it_where_a_teachers_answers_are_softened(visit: Visit, loss: str, *, offered: bool) -> None:
    app = visit("distill", loss=loss)
    assert ("see-temperature" in {button.key for button in app.button}) == offered


def test_distill_offers_it_where_a_loss_has_a_temperature_and_takes_it(visit: Visit, shown: list[dict[str, Any]]) -> None:
    app = visit("distill", loss="logit_difference")
    assert "see-temperature" not in {button.key for button in app.button}
    app = visit("distill", **{"loss.temperature": "7"})
    app.button(key="see-temperature").click().run()
    assert shown[-1]["temperature"] == 7.0
    assert not shown[-1]["gradients"]
    assert any(button.label == "Use T = 7" for button in app.button)
