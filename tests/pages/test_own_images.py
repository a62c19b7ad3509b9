"""Own images on a page: uploaded, they are a dataset like any other; what cannot be used is said."""

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from compression.data.own import stored
from compression.runs import store
from compression.spec import parse
from tests.data.own_files import good, images, labels, npz, picture, zipped
from tests.pages.conftest import Visit

PAGES = ("distill", "compress")


@pytest.fixture(autouse=True)
def no_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave submitted runs in the queue."""
    monkeypatch.setattr("compression.runs.ensure_alive", lambda: None)


def words(app: AppTest) -> str:
    texts = [element.value for group in (app.markdown, app.caption, app.error, app.warning) for element in group]
    return "\n".join(texts).replace("\\", "").replace("\N{NO-BREAK SPACE}", " ")


def upload(app: AppTest, name: str, content: bytes) -> AppTest:
    app.file_uploader[0].upload(name, content).run()
    return app


def datasets(app: AppTest) -> list[str]:
    return next(box for box in app.selectbox if box.label == "Dataset").options


@pytest.mark.parametrize("page", PAGES)
def test_images_are_uploaded_and_then_a_dataset_like_any_other(visit: Visit, page: str) -> None:
    app = visit(page, dataset="own")
    assert "Upload your images, or choose another dataset" in words(app)
    assert all(button.disabled for button in app.button if button.label.startswith("Run"))
    upload(app, "my [pets].zip", zipped(good() | {"cat/notes.txt": b"hello"}))
    [own] = stored.own_datasets()
    assert app.query_params["dataset"] in (own.name, [own.name])
    assert not app.file_uploader
    assert "2 classes, 64 training images, of which 12 are for validation, 16 test images." in words(app)
    assert "8 × 8 pixels, grey, as they came." in words(app)
    assert "a fifth of each class" in words(app)
    assert "1 file, cat/notes.txt: no image in a format that is read" in words(app)
    assert "my pets (8×8, grey)" in datasets(app)
    run = next(button for button in app.button if button.label.startswith("Run"))
    assert not run.disabled
    run.click().run()
    assert not app.exception
    [submitted] = store().runs()
    assert submitted.spec["dataset"]["name"] == own.name


def test_the_student_sees_all_own_images_whatever_it_saw_of_another_dataset_until_a_link_says_otherwise(visit: Visit) -> None:
    app = visit("distill")
    assert app.query_params["transfer.images"] == "200"
    app.selectbox(key="distill-dataset").set_value("own").run()
    upload(app, "pets.zip", zipped(good()))
    assert app.number_input(key="distill-transfer.images").value is None
    assert app.query_params["transfer.images"] == "all"
    [own] = stored.own_datasets()
    assert parse({"kind": "distill", "dataset": {"name": own.name}}).transfer == {"images": None}
    linked = visit("distill", **app.query_params | {"transfer.images": "50"})
    assert linked.number_input(key="distill-transfer.images").value == 50


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("x.zip", b"hello", "no zip, or a damaged one"),
        ("x.npz", npz(images=images(), labels=labels(79)), "79 labels"),
        ("x.zip", zipped({"../x.png": picture(0)}), "leads out of it"),
    ],
)
def test_an_upload_that_is_of_no_use_is_said_and_nothing_is_stored(
    visit: Visit, name: str, content: bytes, sentence: str
) -> None:
    app = upload(visit("distill", dataset="own"), name, content)
    assert not app.exception
    assert sentence in words(app)
    assert all(button.disabled for button in app.button if button.label.startswith("Run"))
    assert stored.own_datasets() == []
    upload(app, "pets.zip", zipped(good()))
    assert sentence not in words(app)
    assert [own.facts["title"] for own in stored.own_datasets()] == ["pets"]


def test_a_link_opens_uploaded_images_for_others_who_share_the_lab_and_lists_them_to_nobody(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(visit("distill", dataset="own"), "pets.zip", zipped(good()))
    [own] = stored.own_datasets()
    assert "pets (8×8, grey)" in datasets(visit("distill"))
    monkeypatch.setenv("LAB_SHARED", "yes")
    assert "pets (8×8, grey)" not in datasets(visit("distill"))
    app = visit("compress", dataset=own.name)
    assert "pets (8×8, grey)" in datasets(app)
    assert "2 classes, 64 training images" in words(app)


@pytest.mark.parametrize("name", ["folder", "../../etc"])
def test_a_link_to_images_by_a_path_is_not_obeyed(visit: Visit, name: str) -> None:
    app = visit("distill", dataset=name)
    assert not app.exception
    assert "The link asks for Dataset" in words(app)


@pytest.mark.parametrize("page", ["distill", "compress"])
def test_images_that_are_gone_are_said_and_never_replaced(visit: Visit, page: str) -> None:
    gone = "own-" + "0" * 24
    app = visit(page, dataset=gone)
    assert not app.exception
    for _visited in range(2):
        assert "This lab does not have these images" in app.error[0].value
        assert app.query_params["dataset"] == gone
        assert all(button.disabled for button in app.button if button.label.startswith("Run"))
        app = app.run()
    app = app.selectbox(f"{page}-dataset").select("digits").run()
    assert not app.error
    assert app.query_params["dataset"] == "digits"


def test_uploads_are_limited() -> None:
    assert st.get_option("server.maxUploadSize") * 1_000_000 <= stored.limits.MOST_PACKED_BYTES


def test_own_images_can_be_chosen_as_what_a_teacher_of_another_task_learns(visit: Visit) -> None:
    app = upload(visit("distill", dataset="own"), "pets.zip", zipped(good()))
    [own] = stored.own_datasets()
    app.selectbox(key="distill-dataset").set_value("digits").run()
    app.selectbox(key="distill-scheme").set_value("another_task").run()
    there = app.selectbox(key="distill-scheme.teacher_dataset")
    assert own.facts["title"] in there.options
    there.set_value(own.name).run()
    assert not app.exception
    assert app.query_params["scheme.teacher_dataset"] in (own.name, [own.name])
