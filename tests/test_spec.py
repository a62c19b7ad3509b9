"""The public contract of a run's request."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compression.errors import SpecError
from compression.fields import check_device
from compression.spec import CompressSpec, DistillSpec, libraries, override, parse

DISTILL_DEFAULTS = json.loads("""
{"kind": "distill",
 "dataset": {"name": "digits", "train_images": null, "split_seed": 0}, "transfer": {"images": 200},
 "teacher": {"name": "cnn", "width": 32}, "student": {"name": "cnn", "width": 4},
 "loss": {"name": "kd", "temperature": 4.0, "alpha": 0.9},
 "train": {"epochs": 40, "batch_size": 32, "lr": 0.2, "optimizer": "sgd", "momentum": 0.9, "schedule": "onecycle",
           "weight_decay": 0.0005, "augment": "none"},
 "teacher_train": null, "baseline": true, "tune": null, "seeds": [0, 1, 2, 3, 4], "tolerance": 0.01}
""")
COMPRESS_EXAMPLE = json.loads("""
{"kind": "compress",
 "dataset": {"name": "digits"}, "model": {"name": "cnn", "width": 16}, "train": {"epochs": 20},
 "steps": [{"name": "prune", "criterion": "magnitude", "sparsity": 0.8, "granularity": "weight", "scope": "global"},
           {"name": "quantize", "bits": 4, "scheme": "symmetric", "group": "channel"},
           {"name": "finetune", "epochs": 5, "lr": 0.01, "loss": null}]}
""")


def test_the_defaults_are_the_published_ones():
    assert parse({"kind": "distill"}).to_json() == DISTILL_DEFAULTS
    assert parse(COMPRESS_EXAMPLE) == parse({"kind": "compress"})


def test_the_transfer_set_is_the_datasets_own_unless_asked_for_and_never_larger_than_the_teachers():
    assert parse({"kind": "distill", "dataset": {"name": "mnist"}}).transfer == {"images": 1000}
    assert parse({"kind": "distill", "dataset": {"name": "digits", "train_images": 100}}).transfer == {"images": 100}
    assert parse({"kind": "distill", "transfer": {"images": None}}).transfer == {"images": None}


def test_the_offline_scheme_is_the_default_and_stays_out_of_a_complete_spec():
    spec = parse({"kind": "distill"})
    assert spec.scheme == {"name": "offline"}
    for asked in ("offline", {"name": "offline"}):
        assert parse({"kind": "distill", "scheme": asked}).hash == spec.hash
    assert "scheme" not in spec.to_json()


@pytest.mark.parametrize("kind", ["distill", "compress"])
def test_a_complete_spec_parses_to_itself(kind):
    spec = parse({"kind": kind})
    assert isinstance(spec, DistillSpec if kind == "distill" else CompressSpec)
    assert parse(json.loads(json.dumps(spec.to_json()))) == spec
    assert parse(spec.to_json()).hash == spec.hash


def test_the_hash_tells_specs_apart_and_ignores_the_order_of_fields():
    spec = parse({"kind": "distill"})
    assert parse(dict(reversed(spec.to_json().items()))).hash == spec.hash
    assert parse({"kind": "distill", "loss": {"name": "kd", "temperature": 5}}).hash != spec.hash


@pytest.mark.parametrize(
    ("request_json", "field"),
    [
        ([], "spec"),
        ("distill", "spec"),
        ({}, "kind"),
        ({"kind": "destill"}, "kind"),
        ({"kind": ["distill"]}, "kind"),
        ({"kind": "distill", "sparsity": 0.5}, "sparsity"),
        ({"kind": "distill", "dataset": "digits"}, "dataset"),
        ({"kind": "distill", "transfer": 200}, "transfer"),
        ({"kind": "distill", "transfer": {"images": 10}}, "transfer.images"),
        ({"kind": "distill", "transfer": {"image": 100}}, "transfer.image"),
        ({"kind": "distill", "dataset": {"name": "digits", "train_images": 100}, "transfer": {"images": 200}}, "transfer.images"),
        ({"kind": "distill", "tune": [0.1]}, "tune"),
        ({"kind": "distill", "tune": {"lr": []}}, "tune.lr"),
        ({"kind": "distill", "tune": {"lr": [0.1, 9]}}, "tune.lr.1"),
        ({"kind": "distill", "tune": {"lr": [0.1, 0.1]}}, "tune.lr"),
        ({"kind": "compress", "tune": {"lr": [0.1]}}, "tune"),
        ({"kind": "distill", "dataset": {"name": "digit"}}, "dataset.name"),
        ({"kind": "distill", "dataset": {"name": "digits", "train_images": 1_000_000}}, "dataset.train_images"),
        ({"kind": "distill", "dataset": {"name": "digits", "path": "/etc"}}, "dataset.path"),
        ({"kind": "distill", "loss": {"name": "kd", "temperature": float("nan")}}, "loss.temperature"),
        ({"kind": "distill", "loss": {"name": "kd", "temperature": 51}}, "loss.temperature"),
        ({"kind": "distill", "loss": [{"name": "kd", "weight": -1}]}, "loss.0.weight"),
        ({"kind": "distill", "loss": []}, "loss"),
        ({"kind": "distill", "student": {"name": "cnn", "wide": 2}}, "student.wide"),
        ({"kind": "distill", "student": {"run": "abcdef12"}}, "student"),
        ({"kind": "distill", "teacher": {"run": "../../etc/passwd"}}, "teacher.run"),
        ({"kind": "distill", "teacher": {"run": "abcdef12", "role": "boss"}}, "teacher.role"),
        ({"kind": "distill", "train": {"epochs": 2.5}}, "train.epochs"),
        ({"kind": "distill", "train": {"lr": "fast"}}, "train.lr"),
        ({"kind": "distill", "train": 5}, "train"),
        ({"kind": "distill", "teacher_train": {"epochs": 0}}, "teacher_train.epochs"),
        ({"kind": "distill", "baseline": "yes"}, "baseline"),
        ({"kind": "distill", "seeds": [0, 0]}, "seeds"),
        ({"kind": "distill", "seeds": []}, "seeds"),
        ({"kind": "distill", "seeds": [-1]}, "seeds.0"),
        ({"kind": "compress", "steps": [{"name": "prune", "sparsity": 1.0}]}, "steps.0.sparsity"),
        ({"kind": "compress", "steps": [{"name": "quantize", "bits": 0}]}, "steps.0.bits"),
        ({"kind": "compress", "steps": [{"name": "finetune", "loss": {"name": "kd", "alpha": 2}}]}, "steps.0.loss.alpha"),
        ({"kind": "compress", "steps": [{"name": "prune"}] * 9}, "steps"),
        ({"kind": "compress", "tolerance": -0.1}, "tolerance"),
    ],
)
def test_a_bad_request_names_the_field_and_what_is_allowed(request_json, field):
    with pytest.raises(SpecError) as caught:
        parse(request_json)
    sentence = str(caught.value)
    assert sentence.startswith(f"{field}:")
    assert "\n" not in sentence
    assert sentence.endswith(".")


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@given(field=st.sampled_from(list(DISTILL_DEFAULTS)), value=json_values)
def test_no_value_of_any_field_ends_in_anything_but_a_spec_or_a_sentence(field, value):
    try:
        spec = parse({**DISTILL_DEFAULTS, field: value})
    except SpecError:
        return
    assert parse(spec.to_json()) == spec


def test_overrides_reach_defaults_lists_and_names():
    assert override({"kind": "distill"}, ["loss.temperature=8"])["loss"] == {"name": "kd", "temperature": 8.0, "alpha": 0.9}
    assert override({"kind": "compress"}, ["steps.0.sparsity=0.5"])["steps"][0]["sparsity"] == 0.5
    assert override({"kind": "distill"}, ["loss.name=logit_difference"])["loss"] == {"name": "logit_difference", "alpha": 0.9}
    assert override({"kind": "distill"}, ["seeds=[7]", "baseline=false"])["seeds"] == [7]
    assert override({"kind": "distill"}, ["dataset.name=mnist", "dataset.train_images=2000"])["dataset"]["train_images"] == 2000


@pytest.mark.parametrize("setting", ["loss.temperature", "=3", "no.such=1", "steps.9.bits=2", "loss.temperature=hot", "kind.x=1"])
def test_a_bad_override_is_refused(setting):
    with pytest.raises(SpecError):
        override({"kind": "distill"}, [setting])


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "", None, "cpu; rm", 0])
def test_devices_are_named_plainly(device):
    with pytest.raises(SpecError, match="device"):
        check_device(device)
    assert check_device("cuda:0") == "cuda:0"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"kind": "distill"}, set()),
        ({"kind": "distill", "dataset": {"name": "mnist"}}, {"torchvision"}),
        ({"kind": "distill", "teacher": {"name": "resnet18"}}, {"torchvision"}),
        ({"kind": "distill", "student": {"name": "mobilenet_v2"}}, {"torchvision"}),
        ({"kind": "compress", "model": {"name": "resnet18"}}, {"torchvision"}),
        ({"kind": "compress", "model": {"run": "abc", "artifact": "student-seed0"}}, set()),
        ({"dataset": "mnist", "teacher": {"name": 3}, "student": {"name": "gone"}, "model": None}, set()),
    ],
)
def test_the_libraries_of_a_spec_are_known_before_it_runs(raw: dict, expected: set[str]) -> None:
    assert libraries(raw) == expected
