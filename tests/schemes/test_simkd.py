"""SimKD: the student learns its teacher's features, keeps the teacher's classifier, and pays for its projector."""

import pytest
import torch
from torch.nn import functional

from compression import training
from compression.data.load import load_present
from compression.evaluation import predict
from compression.execute import Workspace, execute
from compression.export import weights
from compression.features import layout
from compression.measure.macs import macs
from compression.models import MODELS
from compression.networks import read
from compression.reuse import reuse_classifier
from compression.settings import data_root
from compression.spec import parse
from tests.models.zoo import DIFFERENT

SHAPE = (1, 8, 8)
SPEC = {
    "kind": "distill",
    "dataset": {"name": "digits", "train_images": 200},
    "teacher": {"name": "cnn", "width": 3},
    "teacher_train": {"epochs": 2},
    "student": {"name": "mlp", "hidden": [5]},
    "scheme": {"name": "simkd"},
    "train": {"epochs": 2, "batch_size": 40},
    "seeds": [0],
}
RUN = "abcdef12"
OWN, FEATURES, BETWEEN, CLASSES = 5, 12, 6, 10


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    root = tmp_path_factory.mktemp("simkd")
    spec = parse(SPEC)
    *_events, last = execute(spec, Workspace(root / "runs" / RUN, root / "models", root / "runs"))
    return root / "runs" / RUN, last["result"], load_present(spec.dataset, data_root())


def parts(folder, data):
    """The two networks as their files have them, in evaluation mode."""
    return [read(folder / f"{role}-seed0.safetensors", data) for role in ("student", "teacher")]


def test_the_projector_counts_in_parameters_operations_and_bytes(ran):
    folder, result, _data = ran
    student, baseline = (result["models"][role] for role in ("student", "baseline"))
    linear = OWN * BETWEEN + BETWEEN * BETWEEN + BETWEEN * FEATURES
    before = 64 * OWN + OWN
    assert baseline["parameters"] == before + OWN * CLASSES + CLASSES
    assert student["parameters"] == before + linear + 2 * (2 * BETWEEN + FEATURES) + FEATURES * CLASSES + CLASSES
    assert student["macs"] == 64 * OWN + linear + FEATURES * CLASSES
    assert student["size_bytes"] == (folder / "student-seed0.safetensors").stat().st_size > 4 * student["parameters"]


def test_the_file_answers_as_embedding_projector_and_the_teachers_classifier_do(ran):
    folder, result, data = ran
    student, teacher = parts(folder, data)
    own, others = student.model[-1], teacher.model[-1]
    assert torch.equal(own.classifier.weight, others.weight)
    assert torch.equal(own.classifier.bias, others.bias)
    features = student.data.normalize(data.test.inputs)
    for layer in student.model[:-1]:
        features = layer(features)
    for linear, norm, _relu in zip(*[iter(own.projector)] * 3, strict=True):
        features = features @ linear.weight.T
        features = (features - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias
        features = features.clamp_min(0)
    logits = features @ others.weight.T + others.bias
    torch.testing.assert_close(predict(student.model, student.data, data.test.inputs), logits, atol=1e-4, rtol=1e-4)
    right = float((logits.argmax(1) == data.test.labels).float().mean())
    assert result["models"]["student"]["accuracy"] == pytest.approx(right)


def test_a_student_with_the_teachers_features_is_the_teacher(ran):
    """The paper's reason to reuse the classifier."""
    folder, _result, data = ran
    student, teacher = parts(folder, data)
    inputs = teacher.data.normalize(data.test.inputs)
    features = teacher.model[:-1](inputs)
    assert torch.allclose(student.model[-1].classifier(features), teacher.model(inputs), atol=1e-5)


@pytest.mark.parametrize("alpha", [1.0, 0.25])
def test_the_loss_is_the_mean_squared_distance_of_embeddings_beside_the_labels(monkeypatch, tmp_path, alpha):
    found = []
    loop = training.Loop.descend

    def spy(self, terms, step, totals):
        found.append((self, {name: float(term.detach()) for name, term in terms.items()}))
        return loop(self, terms, step, totals)

    monkeypatch.setattr(training.Loop, "descend", spy)
    monkeypatch.setattr(training.Loop, "batch_of", batch := _spied(training.Loop.batch_of))
    scheme = {"name": "simkd", "alpha": alpha, "factor": 3}
    spec = parse({**SPEC, "scheme": scheme, "train": {"epochs": 1, "batch_size": 160, "lr": 1e-5}, "baseline": False})
    list(execute(spec, Workspace(tmp_path / "one", tmp_path / "models", tmp_path)))
    own, terms = found[-1]
    given = batch.seen[-1]
    projected = own.model[-1].projector.train()(own.model[:-1](given.inputs))
    wanted = own.teacher.model[:-1](given.inputs)
    assert projected.shape == wanted.shape == (160, FEATURES)
    assert terms["features"] == pytest.approx(alpha * float((projected - wanted).detach().square().mean()), rel=1e-3)
    labels = functional.cross_entropy(own.model[-1].classifier(projected), given.labels)
    assert terms["hard"] == pytest.approx((1 - alpha) * float(labels.detach()), rel=1e-3)
    assert own.model[-1].projector[0].weight.shape == (FEATURES // 3, OWN)


def _spied(method):
    def spy(self, *given):
        inputs, batch = method(self, *given)
        spy.seen.append(batch)
        return inputs, batch

    spy.seen = []
    return spy


@pytest.mark.parametrize("student", DIFFERENT)
def test_every_network_can_end_in_the_classifier_of_another(student):
    own = MODELS[student].function(SHAPE, CLASSES)
    teacher = MODELS["cnn"].function(SHAPE, CLASSES, width=2)
    before = macs(own, SHAPE)
    edit = reuse_classifier(own, teacher, SHAPE, factor=2, seed=0)
    found = layout(own, SHAPE)
    assert found.classifier == f"{edit['layer']}.classifier"
    assert found.embedding == 8
    assert macs(own, SHAPE) != before
    own(torch.randn(3, *SHAPE)).sum().backward()
    classifier = own.get_submodule(found.classifier)
    assert all(parameter.grad is None for parameter in classifier.parameters())
    assert all(p.grad is not None for p in own.get_submodule(f"{edit['layer']}.projector").parameters())


def test_the_projector_depends_on_the_seed_alone():
    def projector(seed, noise):
        torch.manual_seed(7)
        own, teacher = (MODELS["cnn"].function(SHAPE, CLASSES, width=2) for _network in range(2))
        torch.rand(noise)
        reuse_classifier(own, teacher, SHAPE, factor=2, seed=seed)
        return own[-1].projector[0].weight

    assert torch.equal(projector(0, 1), projector(0, 2))
    assert not torch.equal(projector(0, 1), projector(1, 1))


def test_a_students_file_goes_on_to_be_a_teacher(ran):
    folder, result, _data = ran
    facts = weights.load(folder / "student-seed0.safetensors")[1]
    assert facts["edits"] == [{"name": "project", "layer": "3", "between": BETWEEN, "features": FEATURES}]
    spec = {**SPEC, "teacher": {"run": RUN, "role": "student", "seed": 0}, "scheme": {"name": "offline"}, "seeds": [1]}
    del spec["teacher_train"]
    root = folder.parent.parent
    *_events, last = execute(parse(spec), Workspace(root / "runs" / "two", root / "models", root / "runs"))
    assert last["result"]["models"]["teacher"]["parameters"] == result["models"]["student"]["parameters"]
