"""Data-free distillation: what the generator minimizes, that students see no image, and that noise is the same without it."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional

from compression import networks
from compression.distillation import Batch, Seen, softened_divergence
from compression.errors import SpecError
from compression.estimate import trainings
from compression.execute import Workspace
from compression.execute.distill import _better
from compression.generated import NOISE, SEED, ImageGenerator, Making, train_on_generated
from compression.recipe import RECIPE
from compression.schemes import SCHEMES, rival
from compression.schemes.data_free import wishes
from compression.spec import parse
from compression.teacher import Teacher
from tests.schemes.test_contract import Run, digits, same  # noqa: F401  a fixture

SMALL = {
    "kind": "distill",
    "dataset": {"name": "digits", "train_images": 100},
    "scheme": {"name": "data_free", "batch": 16, "steps": 2, "width": 2},
    "teacher": {"name": "cnn", "width": 3},
    "teacher_train": {"epochs": 1},
    "student": {"name": "cnn", "width": 2},
    "transfer": {"images": 60},
    "train": {"epochs": 2},
    "seeds": [0],
}


def test_the_generators_loss_worked_by_hand():
    # Two images, each surely of a class of its own: no one-hot loss; the classes are alike, -log10 2 = -0.301030.
    sure = Seen(torch.tensor([[50.0, 0.0], [0.0, 50.0]]), embedding=torch.tensor([[1.0, -3.0], [0.0, 0.0]]))
    terms = {name: float(term) for name, term in wishes(5.0, 0.1, sure).items()}
    assert terms == pytest.approx({"one_hot": 0.0, "entropy": -1.50515, "activation": -0.1}, abs=1e-5)
    # Both of one class: nothing is won by the entropy, and an unsure answer costs log 2.
    alike = Seen(torch.tensor([[50.0, 0.0], [50.0, 0.0]]), embedding=torch.zeros(2, 1))
    assert float(wishes(5.0, 0.1, alike)["entropy"]) == pytest.approx(0.0, abs=1e-5)
    unsure = Seen(torch.zeros(2, 2), embedding=torch.zeros(2, 1))
    assert float(wishes(5.0, 0.1, unsure)["one_hot"]) == pytest.approx(0.693147)


@pytest.mark.parametrize("width", [8, 0])
def test_training_equals_a_plain_loop_with_the_optimizers_of_torch(digits, width):  # noqa: F811
    """Rounding makes a generator and its student diverge within some hundred steps, so few are compared."""
    teacher, ours, plain = (networks.build({"name": "mlp", "hidden": [16]}, digits, seed=seed).eval() for seed in (0, 1, 1))
    recipe = RECIPE.bind({"epochs": 1, "optimizer": "adam", "lr": 0.002, "schedule": "constant", "weight_decay": 0})()

    def taught(own: Seen, others: Seen, _batch: Batch) -> dict[str, torch.Tensor]:
        return {"kl": 16 * softened_divergence(own.logits, others.logits, 4.0)}

    making = Making(64, 5, taught, width, 0.01, lambda seen: wishes(5.0, 0.1, seen))
    list(train_on_generated(ours, Teacher(teacher, digits), recipe, making, seed=1))
    torch.manual_seed(1 + SEED)
    generator = ImageGenerator(digits.shape, max(width, 1))
    steps = [torch.optim.Adam(generator.parameters(), 0.01), torch.optim.Adam(plain.parameters(), 0.002)]
    torch.manual_seed(1_000_003 + 1)
    for _step in range(5):
        images = generator(torch.randn(64, NOISE)) if width else torch.randn(64, *digits.shape)
        embedding = torch.relu(teacher[1](images.flatten(1)))
        logits = teacher[-1](embedding)
        mean = logits.softmax(1).mean(0)
        if width:
            steps[0].zero_grad()
            one_hot = functional.cross_entropy(logits, logits.argmax(1))
            (one_hot + 5 * (mean * mean.log10()).sum() - 0.1 * embedding.abs().mean()).backward()
            steps[0].step()
        steps[1].zero_grad()
        answers = (plain(images.detach()) / 4).log_softmax(1)
        (16 * functional.kl_div(answers, (logits.detach() / 4).softmax(1), reduction="batchmean")).backward()
        steps[1].step()
    for one, other in zip(ours.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_the_first_claim_compares_with_the_student_on_noise():
    right = {"student": torch.tensor([[True, True]]), "noise": torch.tensor([[True, False]])}
    found = _better(right, rival(parse(SMALL)), tuned=True)
    assert (found["claim"], found["against"], found["difference"]) == ("student > noise", "noise", 0.5)
    assert not found["tuned"], "noise has the student's learning rate"
    assert rival(parse({"kind": "distill"})) == "baseline"


def test_noise_has_no_generator_and_both_students_learn_the_teachers_softened_answers_times_the_temperature_squared():
    asked = []

    class Told:
        def obtain(self, role):
            yield from ()
            return role

        def students(self, taught, *, teacher):
            yield from taught(SimpleNamespace(beside={"noise": "noise"}))

        def train_on_generated(self, learner, *, teacher, making):
            yield from ()
            asked.append((learner, making))

    list(SCHEMES["data_free"].function(Told(), batch=16, steps=2, width=4, generator_lr=0.02, temperature=3.0))
    (_student, own), (noise, other) = asked
    assert noise == "noise"
    assert (own.width, own.lr, own.judged is None) == (4, 0.02, False)
    assert (other.width, other.judged) == (0, None)
    student, teacher = torch.randn(2, 5, 4)
    expected = 9 * functional.kl_div((student / 3).log_softmax(1), (teacher / 3).softmax(1), reduction="batchmean")
    for making in (own, other):
        assert (making.batch, making.steps) == (16, 2)
        assert sum(making.loss(Seen(student), Seen(teacher), None).values()) == pytest.approx(float(expected), rel=1e-5)


def test_the_generators_norms_are_those_of_the_authors_code():
    norms = [module.eps for module in ImageGenerator((1, 8, 8), 4).modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert norms == [1e-5, 0.8, 0.8, 1e-5]


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 30, 33)])
def test_images_have_the_shape_of_the_data_and_are_normalized(shape):
    images = ImageGenerator(shape, 4)(torch.randn(64, NOISE))
    assert images.shape == (64, *shape)
    if shape[1] % 4 == 0:
        assert torch.allclose(images.mean((0, 2, 3)), torch.zeros(shape[0]), atol=1e-4)
        assert torch.allclose(images.var((0, 2, 3)), torch.ones(shape[0]), atol=2e-2)


def test_students_see_no_training_image(digits, tmp_path):  # noqa: F811
    """The teacher is trained; then all training images are poisoned, and student and noise end with the same weights."""
    spec = parse(SMALL)
    honest = Run(spec, digits, tmp_path)
    honest.finish()
    split = digits.train
    poisoned = replace(split, inputs=255 - split.inputs, labels=(split.labels + 3) % digits.classes)
    other = Run(spec, replace(digits, train=poisoned), tmp_path, "poisoned")
    for path in (tmp_path / "models").glob("baseline*"):
        path.unlink()
    other.finish()
    found, again = honest.weights(), other.weights()
    for role in ("student", "noise"):
        assert same({(role, 0): found[role, 0]}, {(role, 0): again[role, 0]})
    assert not same({("", 0): found["baseline", 0]}, {("", 0): again["baseline", 0]}), "the poison works"


def test_what_has_no_part_in_it_is_refused_and_each_student_has_one_more_on_noise(tmp_path):
    spec = parse(SMALL)
    made = {each.role: each.made for each in trainings(spec, Workspace(tmp_path, tmp_path, tmp_path)) if each.made}
    assert made == {"student": {"batch": 16, "steps": 2, "width": 2}, "noise": {"batch": 16, "steps": 2, "width": 0}}
    with pytest.raises(SpecError, match="loss"):
        parse({**SMALL, "loss": {"name": "kd"}})


def test_without_an_image_a_student_learns_far_more_than_chance(digits, tmp_path):  # noqa: F811
    """On digits noise teaches an MLP as much; what is claimed is that images that nobody took teach ten classes."""
    networks = {"teacher": {"name": "mlp", "hidden": [32]}, "student": {"name": "mlp", "hidden": [32]}}
    trained = {"train": {"epochs": 4, "lr": 0.1}, "teacher_train": {"epochs": 40, "lr": 0.1, "batch_size": 16}}
    scheme = {"name": "data_free", "batch": 64, "steps": 30, "width": 4}
    spec = {"kind": "distill", "dataset": SMALL["dataset"], "scheme": scheme, "seeds": [0], "baseline": False}
    run = Run(parse({**spec, **networks, **trained}), digits, tmp_path)
    run.finish()
    (student,) = run.students.everyone["student"].values()
    assert student.validated["val_accuracy"] > 0.3
