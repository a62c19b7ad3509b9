"""What a student minimizes: the labels once, every loss with its weight, and what a loss trains itself."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from compression.augmentation import apply, draw
from compression.data.load import load_present
from compression.distillation import Batch, Seen
from compression.errors import SpecError
from compression.execute import Workspace, check_references, execute
from compression.export import weights
from compression.networks import build, facts_of
from compression.objective import Objective, build_objective
from compression.optimizer import Optimizer
from compression.recipe import Recipe
from compression.settings import data_root
from compression.spec import parse
from compression.teacher import Teacher
from compression.training import Epoch, train
from tests.test_training import network, run, toy

KD = {"name": "kd", "temperature": 3.0, "alpha": 0.6}
DIFFERENCE = {"name": "logit_difference", "alpha": 0.25}
HINT = {"name": "fitnets", "hint_weight": 2.0, "stage": 2}
RECIPE = Recipe(3, 16, 0.05, "sgd", 0.9, "onecycle", 0.01, "none")


def earlier_kd(student, teacher, labels, *, temperature, alpha):
    log_student = functional.log_softmax(student / temperature, 1)
    log_teacher = functional.log_softmax(teacher.detach() / temperature, 1)
    divergence = functional.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    hard = (1 - alpha) * functional.cross_entropy(student, labels)
    return [hard, alpha * temperature**2 * divergence]


def earlier_difference(student, teacher, labels, *, alpha):
    distance = (student - teacher.detach()).square().sum(1).mean()
    return [(1 - alpha) * functional.cross_entropy(student, labels), alpha * distance / 2]


def earlier(loss, *data):
    """The losses of a spec as they were while each brought the labels along."""
    if isinstance(loss, list):
        return [part["weight"] * term for part in loss for term in earlier(part, *data)]
    knobs = {name: value for name, value in loss.items() if name not in ("name", "weight")}
    return (earlier_kd if loss["name"] == "kd" else earlier_difference)(*data, **knobs)


@pytest.mark.parametrize("loss", [KD, DIFFERENCE, [{**KD, "weight": 0.7}, {**DIFFERENCE, "weight": 0.4}, {**KD, "weight": 2.0}]])
def test_specs_of_earlier_versions_train_to_the_same_numbers_bit_for_bit(loss):
    dataset = toy()
    ours, theirs, teacher = network(dataset), network(dataset), Teacher(network(dataset, 1, 4).eval(), dataset)
    recipe = Recipe(2, 16, 0.1, "sgd", 0.9, "constant", 0.01, "none")
    run(ours, dataset, recipe, objective=build_objective(loss), teacher=teacher)
    optimizer = Optimizer(theirs, recipe)
    for epoch in (1, 2):
        order = torch.randperm(70, generator=torch.Generator().manual_seed(3 * 1_000_003 + epoch))
        for start in range(0, 64, 16):
            chosen = order[start : start + 16]
            logits = theirs(dataset.normalize(dataset.train.inputs[chosen]))
            terms = earlier(loss, logits, teacher.train_logits[chosen], dataset.train.labels[chosen])
            optimizer.zero_grad()
            sum(terms).backward()
            optimizer.step()
    for name, tensor in theirs.named_parameters():
        assert torch.equal(tensor, ours.get_parameter(name)), name


def seen(seed):
    generator = torch.Generator().manual_seed(seed)
    return Seen(torch.randn(4, 3, generator=generator), (torch.randn(4, 2, 4, 4, generator=generator),) * 3)


BATCH = Batch(torch.zeros(4, 1, 8, 8), torch.tensor([0, 1, 2, 0]), torch.arange(4), step=0)


def terms_of(objective):
    student, teacher = seen(0), seen(1)
    losses = objective.build(student, teacher)
    total = objective.total(losses, functional.cross_entropy)
    return {name: float(term.detach()) for name, term in total(student, teacher, BATCH).items()}


@pytest.mark.parametrize(
    ("loss", "label_weight", "expected"),
    [
        (KD, None, {"hard": 0.4}),
        (HINT, None, {"hard": 1.0}),
        ([{**KD, "weight": 0.5}, {**HINT, "weight": 2.0}], None, {"1_kd_hard": 0.2}),
        ([{**HINT, "weight": 2.0}], None, {"hard": 1.0}),
        ([{**KD, "weight": 0.5}, {**HINT, "weight": 2.0}], 0.3, {"hard": 0.3}),
        ([{**KD, "weight": 0.5}, {**KD, "weight": 0.5}], 1.0, {"hard": 1.0}),
    ],
)
def test_the_labels_count_once_with_the_weight_that_is_theirs(loss, label_weight, expected):
    found = terms_of(build_objective(loss, label_weight))
    labels = float(functional.cross_entropy(seen(0).logits, BATCH.labels))
    assert {name: term for name, term in found.items() if name.endswith("hard")} == pytest.approx(
        {name: weight * labels for name, weight in expected.items()}
    )


def test_a_loss_of_a_list_has_its_weight_and_its_place_in_the_names():
    alone, listed = (terms_of(build_objective(loss, 1.0)) for loss in (HINT, [{**KD, "weight": 2.0}, {**HINT, "weight": 0.5}]))
    assert set(listed) == {"1_kd_soft", "2_fitnets_hint", "hard"}
    soft = terms_of(build_objective(KD))["soft"]
    assert listed["1_kd_soft"] == pytest.approx(2 * soft)
    assert alone["hint"] > 0
    assert listed["2_fitnets_hint"] > 0


@pytest.mark.parametrize("augment", ["none", "shift_flip"])
def test_a_feature_loss_does_what_a_plain_loop_with_hooks_does(augment):
    dataset = toy()
    ours, theirs, guide = network(dataset), network(dataset), network(dataset, 1, 4).eval()
    recipe = Recipe(1, 70, 0.1, "sgd", 0.0, "constant", 0.0, augment)
    compared = build_objective(HINT).between(ours, guide, dataset, seed=3)
    regressor = copy.deepcopy(compared.total.trained[0].regressor)
    (_before, after) = run(ours, dataset, recipe, objective=build_objective(HINT), teacher=Teacher(guide, dataset))

    generator = torch.Generator().manual_seed(3 * 1_000_003 + 1)
    order = torch.randperm(70, generator=generator)
    inputs = dataset.normalize(apply(dataset.train.inputs[order], augment, draw(70, augment, 8, generator)))
    maps = []
    for model in (theirs.train(), guide):
        found = inputs
        for place, layer in enumerate(model):
            found = layer(found)
            if place == 5:  # the second ReLU
                maps.append(found)
        maps.append(found)
    own, logits, hint, _teacher_logits = maps
    mixed = torch.einsum("oc,bchw->bohw", regressor[0].weight[:, :, 0, 0], own)
    error = functional.batch_norm(mixed, None, None, training=True) - hint.detach()
    loss = functional.cross_entropy(logits, dataset.train.labels[order]) + 2.0 * error.square().mean()
    loss.backward()
    assert after.values["train_loss"] == pytest.approx(float(loss.detach()), rel=1e-5)
    for mine, plain in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, plain - 0.1 * plain.grad if plain.grad is not None else plain, atol=1e-5, rtol=1e-4)


def started(monkeypatch):
    """The objectives of trainings to come, each with what it compares."""
    found, between = [], Objective.between

    def spy(self, *given, **more):
        found.append(between(self, *given, **more))
        return found[-1]

    monkeypatch.setattr(Objective, "between", spy)
    return found


def own_weights(compared) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in compared.total.state_dict().items()}


def test_what_a_loss_trains_is_trained_the_teacher_is_not_and_the_students_file_has_neither(monkeypatch, tmp_path):
    dataset, compared = toy(), started(monkeypatch)
    student, guide = network(dataset), network(dataset, 1, 4).eval()
    before = copy.deepcopy(guide.state_dict())
    training = train(student, dataset, RECIPE, seed=3, objective=build_objective(HINT), teacher=Teacher(guide, dataset))
    next(training)
    first = own_weights(compared[0])
    list(training)
    assert {name: tuple(tensor.shape) for name, tensor in first.items()} == {
        "trained.0.regressor.0.weight": (8, 4, 1, 1),
        "trained.0.regressor.1.weight": (8,),
        "trained.0.regressor.1.bias": (8,),
    }
    assert all(not torch.equal(first[name], tensor) for name, tensor in own_weights(compared[0]).items())
    for model in (guide, compared[0].teacher.model):
        assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    path = tmp_path / "student.safetensors"
    weights.save(path, student, facts_of({"name": "cnn", "width": 2}, dataset))
    assert weights.load(path)[0].keys() == network(dataset).state_dict().keys()


@pytest.mark.parametrize("augment", ["none", "shift_flip"])
def test_a_resumed_training_ends_with_the_same_student_and_the_same_loss(monkeypatch, tmp_path, augment):
    monkeypatch.setattr("compression.training.CHECKPOINT_SECONDS", 0.0)
    dataset, compared = toy(), started(monkeypatch)
    recipe = Recipe(4, 16, 0.01, "adam", 0.9, "onecycle", 0.001, augment)
    options = {"objective": build_objective([{**HINT, "weight": 1.0}, {**KD, "weight": 1.0}], 0.5)}
    options["teacher"] = Teacher(network(dataset, 1, 4).eval(), dataset)
    whole = network(dataset)
    told = run(whole, dataset, recipe, **options)
    checkpoint = tmp_path / "a.checkpoint"
    interrupted = train(network(dataset), dataset, recipe, seed=3, checkpoint=checkpoint, **options)
    next(event for event in interrupted if isinstance(event, Epoch) and event.epoch == 3)
    interrupted.close()
    resumed = network(dataset, seed=99)
    assert run(resumed, dataset, recipe, checkpoint=checkpoint, **options) == told[-2:]
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True))
    first, last = own_weights(compared[0]), own_weights(compared[-1])
    assert all(torch.equal(tensor, last[name]) for name, tensor in first.items())


def test_where_the_teachers_maps_are_too_many_to_keep_it_runs_beside_the_student_to_the_same_end(monkeypatch):
    dataset = toy()
    students = []
    for most in (2**30, 0):
        monkeypatch.setattr("compression.teacher.CACHED_BYTES", most)
        students.append(network(dataset))
        teacher = Teacher(network(dataset, 1, 4).eval(), dataset)
        run(students[-1], dataset, RECIPE, objective=build_objective(HINT), teacher=teacher)
        kept = [seen for look, seen in teacher._seen.items() if look.stages]
        assert [seen is None for seen in kept] == [most == 0]
    for kept, beside in zip(students[0].parameters(), students[1].parameters(), strict=True):
        torch.testing.assert_close(kept, beside, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"student": {"name": "mlp"}}, "loss.name: 'fitnets' is not allowed; it compares feature maps, and the student has none"),
        ({"teacher": {"name": "lenet300"}}, "and the teacher has none: choose another network, or a loss on logits."),
        ({"loss": {**HINT, "stage": 4}}, "loss.stage: 4 is not allowed; these two networks share 3 stages."),
        ({"loss": [{"name": "kd"}, {**HINT, "stage": 4}]}, "loss.1.stage: 4 is not allowed"),
        ({"label_weight": 0.5}, "label_weight: 0.5 is not allowed; only a list of losses takes it"),
        ({"loss": [HINT], "label_weight": -1}, "label_weight: -1 is not allowed"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence_before_anything_runs(fields, sentence):
    with pytest.raises(SpecError) as caught:
        parse({"kind": "distill", "loss": HINT, **fields})
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_finetuning_step_is_checked_too():
    steps = [{"name": "finetune", "loss": HINT}]
    assert parse({"kind": "compress", "steps": steps})
    with pytest.raises(SpecError, match=r"steps.0.loss.name: 'fitnets' is not allowed"):
        parse({"kind": "compress", "model": {"name": "mlp"}, "steps": steps})


def test_a_teacher_of_an_earlier_run_is_checked_before_anything_is_trained(tmp_path):
    workspace = Workspace(tmp_path / "runs" / "one", tmp_path / "models", tmp_path / "runs")
    data, folder = (
        load_present({"name": "digits", "train_images": None, "split_seed": 0}, data_root()),
        tmp_path / "runs" / "abcdef12",
    )
    folder.mkdir(parents=True)
    architecture = {"name": "mlp", "hidden": [8]}
    weights.save(folder / "teacher-seed0.safetensors", build(architecture, data, seed=0), facts_of(architecture, data))
    spec = parse({"kind": "distill", "loss": HINT, "teacher": {"run": "abcdef12", "role": "teacher", "seed": 0}})
    with pytest.raises(SpecError, match="it compares feature maps, and the teacher has none"):
        check_references(spec, workspace)
    told = []
    with pytest.raises(SpecError, match="it compares feature maps, and the teacher has none"):
        told.extend(execute(spec, workspace))
    assert not [event for event in told if event.get("role") in ("baseline", "student")]


def test_a_weight_of_the_labels_is_part_of_a_spec_only_where_it_is_given():
    plain = parse({"kind": "distill", "loss": [KD, HINT]})
    assert "label_weight" not in plain.to_json()
    weighted = parse({"kind": "distill", "loss": [KD, HINT], "label_weight": 0.5})
    assert weighted.to_json()["label_weight"] == 0.5
    assert parse(weighted.to_json()) == weighted
    assert weighted.hash != plain.hash == parse({"kind": "distill", "loss": [KD, HINT], "label_weight": None}).hash


def test_hashes_of_earlier_specs_stay():
    """Recorded before specs had a weight of the labels: finished runs and cached networks are found by them."""
    assert parse({"kind": "distill", "train": {"epochs": 3}, "seeds": [0]}).hash.startswith("1d193367")
    small = {"dataset": {"name": "digits", "train_images": 200}, "teacher": {"name": "cnn", "width": 4}}
    small |= {"teacher_train": {"epochs": 2}, "seeds": [3], "train": {"epochs": 2}}
    listed = [{"name": "kd", "weight": 0.7, "alpha": 0.6}, {"name": "logit_difference", "weight": 0.5, "alpha": 0.3}]
    listed.append({"name": "kd", "weight": 0.2, "temperature": 9})
    assert parse({"kind": "distill", **small, "loss": listed}).hash.startswith("1e17bcd9")


def test_a_module_without_a_teacher_to_compare_with_is_the_labels_alone():
    dataset = toy()
    compared = build_objective(HINT).between(network(dataset), None, dataset, seed=0)
    assert isinstance(compared.total, nn.Module)
    assert not list(compared.total.parameters())
    assert compared.teacher is None
