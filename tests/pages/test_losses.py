"""Several losses on the Distill page: added, weighed, removed, linked to, refused and swept."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from compression.distillation import DISTILLATION
from compression.runs import store
from compression.spec import parse
from tests.pages.conftest import Visit
from tests.pages.stored_runs import finished

KD = {"name": "kd", "temperature": 4.0, "alpha": 0.9}
HINT = {"name": "fitnets", "hint_weight": 50.0, "stage": 1}


@pytest.fixture(autouse=True)
def no_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave submitted runs in the queue."""
    monkeypatch.setattr("compression.runs.ensure_alive", lambda: None)
    monkeypatch.setattr("compression.runs.sweeping.ensure_alive", lambda: None)


def button(app: AppTest, label: str) -> Any:
    (found,) = [button for button in app.button if label in (button.label, button.key)]
    return found


def asked(app: AppTest) -> dict[str, Any]:
    """Press Run and return the spec that waits."""
    button(app, "Run").click().run()
    assert not app.exception
    return store().runs()[0].spec


def formula(app: AppTest) -> str:
    (found,) = app.latex
    return found.value


def test_a_loss_is_added_weighed_and_removed(visit: Visit) -> None:
    app = visit("distill")
    button(app, "Add a loss").click().run()
    assert app.selectbox(key="distill-loss.1").value == next(name for name in DISTILLATION if name != "kd")
    app.selectbox(key="distill-loss.1").set_value("fitnets").run()
    assert app.number_input(key="distill-label_weight").placeholder == "Automatic: 0.1"
    button(app, "Add a loss").click().run()
    app.selectbox(key="distill-loss.2").set_value("logit_difference").run()
    app.number_input(key="distill-loss.1.weight").set_value(0.5)
    app.slider(key="distill-loss.2.alpha").set_value(0.8)
    app.run()
    hint, squares = {"name": "fitnets", "hint_weight": 100.0, "stage": 2}, {"name": "logit_difference", "alpha": 0.8}
    assert asked(app)["loss"] == [{**KD, "weight": 1.0}, {**hint, "weight": 0.5}, {**squares, "weight": 1.0}]
    button(app, "remove-loss-0").click().run()
    assert asked(app)["loss"] == [{**hint, "weight": 0.5}, {**squares, "weight": 1.0}]
    button(app, "remove-loss-0").click().run()
    assert asked(app)["loss"] == squares
    assert "loss.weight" not in app.query_params
    button(app, "Add a loss").click().run()
    app.selectbox(key="distill-loss.1").set_value("fitnets").run()
    assert asked(app)["loss"] == [{**squares, "weight": 1.0}, {**hint, "weight": 1.0}]


def test_the_formula_of_several_losses_has_every_weight(visit: Visit) -> None:
    query = {"loss.1": "fitnets", "loss.1.weight": "0.5", "loss.2": "logit_difference", "loss.2.alpha": "0.6"}
    labels, *terms = formula(visit("distill", **query)).split(r" \\ &+ ")
    assert labels == "$$\n" + r"\begin{aligned}&\bigl(1\,(1-0.9) + 1\,(1-0.6)\bigr)\,\mathrm{CE}(z_s, y)"
    assert terms[0].startswith(r"1 \cdot {0.9} \cdot {4}^2\,\mathrm{KL}")
    assert terms[1].startswith(r"0.5 \cdot {100}\,\overline{")
    assert terms[2].startswith(r"1 \cdot {0.6}\,\tfrac{1}{2}")
    assert formula(visit("distill", label_weight="0.25", **query)).startswith("$$\n" + r"\begin{aligned}&0.25\,\mathrm{CE}")


def test_an_old_link_means_one_loss_and_a_link_can_list_several(visit: Visit) -> None:
    alone = visit("distill", loss="kd", **{"loss.temperature": "8"})
    assert asked(alone)["loss"] == {**KD, "temperature": 8.0}
    assert "label_weight" not in alone.query_params
    listed = visit("distill", label_weight="0.3", **{"loss.0.temperature": "8", "loss.1": "fitnets", "loss.1.stage": "1"})
    assert not listed.warning
    spec = asked(listed)
    assert [loss["name"] for loss in spec["loss"]] == ["kd", "fitnets"]
    assert (spec["loss"][0]["temperature"], spec["loss"][1]["stage"], spec["label_weight"]) == (8.0, 1, 0.3)
    assert "sets “loss.2.alpha”" in visit("distill", **{"loss.2.alpha": "0.5"}).warning[0].value


@pytest.mark.parametrize("losses", [[{**KD, "weight": 2.0}, {**HINT, "weight": 0.25}], [{**HINT, "weight": 0.25}]])
def test_a_run_with_a_list_fills_the_controls(losses: list[dict[str, Any]], visit: Visit) -> None:
    run = finished(loss=losses, label_weight=0.4)
    app = visit("distill", run=run)
    assert not app.warning
    assert asked(app) == store().run(run).spec


def test_losses_that_cannot_be_compared_are_refused_and_not_offered(visit: Visit) -> None:
    app = visit("distill", student="mlp", **{"loss.1": "fitnets"})
    assert "loss.1.name" in app.error[0].value.replace("\\", "")
    assert "it compares feature maps, and the student has none" in app.error[0].value
    assert button(app, "Run").disabled
    alone = visit("distill", student="mlp")
    button(alone, "Add a loss").click().run()
    offered = DISTILLATION[alone.selectbox(key="distill-loss.1").value]
    assert offered.name != "kd"
    assert "features" not in offered.traits.get("needs", ())


def test_a_setting_of_one_of_several_losses_is_swept(visit: Visit) -> None:
    several = {"several": "loss.1.weight", "several.values": "0.5, 1", "loss.1": "fitnets"}
    app = visit("distill", **several)
    assert not app.warning
    button(app, "Run all 2 settings").click().run()
    assert {run.spec["loss"][1]["weight"] for run in store().runs()} == {0.5, 1.0}
    assert all(run.spec == parse(run.spec).to_json() for run in store().runs())


def test_losses_are_listed_by_what_they_compare_and_schemes_with_the_usual_one_first(visit: Visit) -> None:
    app = visit("distill")
    listed = app.selectbox(key="distill-loss").options
    kinds = [option.partition(":")[0] for option in listed]
    assert list(dict.fromkeys(kinds)) == ["Answers", "Features", "Relations", "No teacher"]
    assert kinds == sorted(kinds, key=["Answers", "Features", "Relations", "No teacher"].index)
    assert listed[0] == "Answers: KD (Hinton)"
    assert {"Features: FitNets (hint)", "Relations: Similarity-preserving", "No teacher: Label smoothing"} <= {*listed}
    assert app.selectbox(key="distill-scheme").options[0] == "Offline: a trained teacher"
    assert app.query_params["loss"] == "kd"


def test_the_images_of_a_student_without_data_are_told_to_be_the_baselines(visit: Visit) -> None:
    held = "distill-transfer.images"
    assert visit("distill").number_input(key=held).label == "Student sees, of 1,038 images"
    assert visit("distill", scheme="data_free").number_input(key=held).label == "Baseline sees, of 1,038 images"


def test_a_teacher_that_a_loss_does_not_look_at_is_folded_away_and_stays_in_the_link_and_the_spec(visit: Visit) -> None:
    folded = "Teacher: not used by this loss"
    assert folded not in [expander.label for expander in visit("distill").expander]
    app = visit("distill", loss="label_smoothing", **{"teacher.width": "16"})
    (teacher,) = [expander for expander in app.expander if expander.label == folded]
    assert {box.key for box in teacher.selectbox} == {"distill-teacher.from", "distill-teacher"}
    assert not teacher.proto.expanded
    assert app.query_params["teacher.width"] == "16"
