"""Widgets from knobs, and the address that carries their values."""

import re
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from compression.distillation import DISTILLATION
from compression.models import MODELS
from compression.recipe import RECIPE
from ui.address.settings import setting_text
from ui.form.widgets import MOST_SLIDER_STEPS, parse_numbers


def page() -> None:
    """A page with a choice, its knobs and a whole recipe."""
    import streamlit as st

    from compression.distillation import DISTILLATION
    from compression.models import MODELS
    from compression.recipe import RECIPE
    from ui.address.settings import Address, arrive
    from ui.form import widgets

    arrive("test")
    settings = Address("test")
    model = widgets.choose(settings, MODELS, "student", default="mlp", label="Student")
    st.session_state.student_spec = widgets.entry_form(settings, model, "student")
    loss = widgets.choose(settings, DISTILLATION, "loss", default="kd", label="Loss")
    st.session_state.loss_spec = widgets.entry_form(settings, loss, "loss")
    st.session_state.train_spec = widgets.entry_form(settings, RECIPE, "train")
    st.session_state.baseline_value = widgets.flag(settings, "baseline", default=True, label="Baseline")
    settings.keep("run", settings.read("run", None) or "")
    settings.write()


def opened(**query: str) -> AppTest:
    """The page as a link with this query opens it."""
    app = AppTest.from_function(page)
    app.query_params.update(query)
    return app.run(timeout=30)


def query(app: AppTest) -> dict[str, str]:
    return {name: values[0] if isinstance(values, list) else values for name, values in app.query_params.items()}


USUAL = {name: knob.default for name, knob in RECIPE.knobs.items()}
DEFAULTS = {
    **{"student": "mlp", "student.hidden": "64", "loss": "kd", "loss.temperature": "4", "loss.alpha": "0.9", "baseline": "yes"},
    **{f"train.{name}": setting_text(value) for name, value in USUAL.items()},
}


def test_untouched_widgets_give_the_declared_defaults_and_the_address_names_them_all() -> None:
    app = opened()
    assert app.session_state.student_spec == MODELS["mlp"].check({}, "student") | {"name": "mlp"}
    assert app.session_state.loss_spec == {"name": "kd", "temperature": 4.0, "alpha": 0.9}
    usual = {name: knob.default for name, knob in RECIPE.knobs.items()}
    assert app.session_state.train_spec == {"name": "train", **usual}
    assert query(app) == DEFAULTS
    assert not app.warning
    assert not app.exception


def test_a_link_means_the_same_after_the_defaults_have_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    link = query(opened())
    for name, other in (("lr", 0.5), ("optimizer", "adam"), ("epochs", 99)):
        monkeypatch.setitem(RECIPE.knobs, name, replace(RECIPE.knobs[name], default=other))
    assert opened().session_state.train_spec["epochs"] == 99
    assert opened(**link).session_state.train_spec == {"name": "train", **USUAL}


def test_a_changed_widget_stands_in_the_address() -> None:
    app = opened()
    app.number_input(key="test-loss.temperature").set_value(8.0).run()
    app.selectbox(key="test-student").set_value("cnn").run()
    app.slider(key="test-student.width").set_value(3).run()
    app.checkbox(key="test-baseline").uncheck().run()
    expected = {**DEFAULTS, "loss.temperature": "8", "student": "cnn", "student.width": "3", "baseline": "no"}
    del expected["student.hidden"]
    assert query(app) == expected


def test_a_link_reopens_what_was_on_screen_and_keeps_its_address() -> None:
    link = {
        **DEFAULTS,
        "student.hidden": "32,16",
        "loss.temperature": "7.5",
        "train.lr": "0.012345678901",
        "train.epochs": "7",
        "train.optimizer": "adam",
        "baseline": "no",
        "run": "abcdef",
    }
    app = opened(**link)
    assert app.session_state.student_spec == {"name": "mlp", "hidden": [32, 16]}
    assert app.session_state.loss_spec["temperature"] == 7.5
    assert [app.session_state.train_spec[name] for name in ("lr", "epochs", "optimizer")] == [0.012345678901, 7, "adam"]
    assert app.session_state.baseline_value is False
    assert not app.warning
    assert query(app) == link


def test_names_with_underscores_are_taken_too() -> None:
    app = opened(student_hidden="32,16", loss_temperature="7.5", train_epochs="7")
    assert not app.warning
    assert query(app) == DEFAULTS | {"student.hidden": "32,16", "loss.temperature": "7.5", "train.epochs": "7"}


def test_a_number_between_a_sliders_steps_is_kept_in_a_box() -> None:
    app = opened(**{"loss.alpha": "0.43"})
    assert not app.warning
    assert app.number_input(key="test-loss.alpha").value == 0.43
    assert app.session_state.loss_spec["alpha"] == 0.43
    app.number_input(key="test-loss.alpha").set_value(0.5).run()
    assert app.slider(key="test-loss.alpha").value == 0.5


def test_another_link_to_the_same_page_is_obeyed_and_an_older_one_of_its_own_is_not() -> None:
    app = opened()
    before = query(app)
    app.number_input(key="test-loss.temperature").set_value(8.0).run()
    app.query_params.update(before)  # as a rerun that was asked for before the address was written
    assert app.run().session_state.loss_spec["temperature"] == 8.0
    app.query_params["loss.temperature"] = "20"
    assert app.run().session_state.loss_spec["temperature"] == 20.0


@pytest.mark.parametrize(
    ("name", "text", "said", "path", "used"),
    [
        ("loss_temperature", "hot", "a number from 0.5 to 50", ("loss_spec", "temperature"), 4.0),
        ("loss_temperature", "1000", "a number from 0.5 to 50", ("loss_spec", "temperature"), 4.0),
        ("loss_temperature", "nan", "a number from 0.5 to 50", ("loss_spec", "temperature"), 4.0),
        ("train_epochs", "2.5", "a whole number", ("train_spec", "epochs"), 20),
        ("train_optimizer", "lion", "sgd, adam, adamw", ("train_spec", "optimizer"), "sgd"),
        ("student", "gpt", "allowed is one of cnn (CNN), lenet5 (LeNet-5 (Caffe)), mlp (MLP)", ("student_spec", "name"), "mlp"),
        ("baseline", "perhaps", "yes or no", ("baseline_value",), True),
    ],
)
def test_nonsense_in_the_address_falls_back_and_says_so(
    name: str, text: str, said: str, path: tuple[str, ...], used: object
) -> None:
    app = opened(**{name: text})
    value = app.session_state[path[0]]
    assert (value[path[1]] if len(path) > 1 else value) == used
    assert len(app.warning) == 1
    assert said in app.warning[0].value
    assert query(app).get(name) != text
    assert app.run().warning
    app.checkbox(key="test-baseline").set_value(not app.checkbox(key="test-baseline").value).run()
    assert not app.warning


def test_a_strangers_text_is_shown_without_its_markup() -> None:
    shown = opened(student="[x](http://evil)![](a)<b>`" + "z" * 200).warning[0].value
    (theirs,) = re.findall("“(.*)”", shown)
    assert not set("[]()<>!`/") & set(theirs)
    assert len(theirs) <= 40


def test_a_list_of_numbers_that_is_none_says_what_is_allowed() -> None:
    app = opened()
    app.text_input(key="test-student.hidden").set_value("64; 32").run()
    assert "64" in app.error[0].value
    assert app.session_state.student_spec["hidden"] == [64]
    app.text_input(key="test-student.hidden").set_value("64, 32").run()
    assert not app.error
    assert app.session_state.student_spec["hidden"] == [64, 32]


def test_few_steps_are_a_slider_and_many_a_number() -> None:
    app = opened()
    assert "test-loss.alpha" in {slider.key for slider in app.slider}
    assert {number.key for number in app.number_input} >= {"test-train.epochs", "test-train.batch_size", "test-train.lr"}
    knob = DISTILLATION["kd"].knobs["temperature"]
    assert (knob.high - knob.low) / knob.step <= MOST_SLIDER_STEPS


@pytest.mark.parametrize("text", ["", "a", "1,2]", "[1]", "1.5", "true", '"1"', "0", "5000", ",".join("1" * 9)])
def test_only_lists_of_allowed_whole_numbers_are_read(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_numbers(MODELS["mlp"].knobs["hidden"], text)
