"""What every distillation loss must do, whichever it is."""

import doctest
import re
import sys

import pytest
import torch

from compression.catalog import Entry
from compression.distillation import DISTILLATION, NEEDS, Batch, Seen
from compression.objective import Part
from ui.form.formula import declared

ENTRIES = list(DISTILLATION.values())
STAGES = 8
EXAMPLES, CLASSES = 6, 5


def seen(entry: Entry, seed: int = 0, *, channels: int = 3, sides: tuple[int, int] = (4, 2), scale: float = 1.0) -> Seen:
    """What a loss may see of a network with many stages: nothing that it does not say it needs."""
    generator, needs = torch.Generator().manual_seed(seed), entry.traits.get("needs", ())

    def leaf(*shape: int) -> torch.Tensor:
        return (scale * torch.randn(*shape, generator=generator)).requires_grad_()

    maps = [leaf(EXAMPLES, channels + stage, sides[stage % 2], sides[stage % 2]) for stage in range(STAGES)]
    logits, embedding = leaf(EXAMPLES, CLASSES), leaf(EXAMPLES, channels)
    return Seen(logits, tuple(maps) if "features" in needs else (), embedding if "embedding" in needs else None)


def of_student(entry: Entry, seed: int = 0, scale: float = 1.0) -> Seen:
    return seen(entry, seed, scale=scale)


def of_teacher(entry: Entry, seed: int = 1, scale: float = 2.0) -> Seen:
    return seen(entry, seed, channels=5, sides=(2, 4), scale=scale)


def batch() -> Batch:
    labels = torch.tensor([0, 1, 2, 3, 4, 0])
    return Batch(torch.zeros(EXAMPLES, 1, 2, 2), labels, torch.arange(EXAMPLES), step=3)


def chosen(given: Batch, index: torch.Tensor) -> Batch:
    return Batch(given.inputs[index], given.labels[index], given.index[index], given.step)


def loss_of(entry: Entry, student: Seen, teacher: Seen, **knobs: object):
    torch.manual_seed(0)
    return Part({"name": entry.name, **knobs}, "loss").build(student[:1], teacher[:1], EXAMPLES)


def terms(entry: Entry, student: Seen, teacher: Seen, given: Batch, **knobs: object) -> dict[str, torch.Tensor]:
    return loss_of(entry, student, teacher, **knobs)(student, teacher, given)


def total(*given: object, **knobs: object) -> torch.Tensor:
    return sum(terms(*given, **knobs).values())


def tensors(what: Seen) -> list[torch.Tensor]:
    return [what.logits, *what.features, *([] if what.embedding is None else [what.embedding])]


def gradients(what: Seen) -> list[torch.Tensor]:
    return [tensor.grad for tensor in tensors(what) if tensor.grad is not None]


def other_value(knob):
    if knob.kind == "choice":
        return next(choice for choice in knob.choices if choice != knob.default)
    if knob.kind == "bool":
        return not knob.default
    return knob.low + 0.37 * (knob.high - knob.low) if knob.kind == "float" else knob.default + 1


@pytest.fixture(params=ENTRIES, ids=lambda entry: entry.name)
def entry(request):
    return request.param


@pytest.fixture
def data(entry):
    return of_student(entry), of_teacher(entry), batch()


def test_terms_are_finite_scalars_with_names_of_their_own(entry, data):
    found = terms(entry, *data)
    assert found
    assert "hard" not in found, "the labels' cross-entropy is not the loss's to add"
    for name, term in found.items():
        assert term.shape == (), name
        assert torch.isfinite(term), name
        assert float(term.detach()) > 0, name


def test_each_term_alone_trains_the_student_and_what_the_loss_trains_but_not_the_teacher(entry):
    for name in terms(entry, of_student(entry), of_teacher(entry), batch()):
        student, teacher = of_student(entry), of_teacher(entry)
        loss = loss_of(entry, student, teacher)
        loss(student, teacher, batch())[name].backward()
        assert sum(float(gradient.abs().sum()) for gradient in gradients(student)) > 0, name
        assert all(float(gradient.abs().sum()) == 0 for gradient in gradients(teacher)), name


def test_all_its_parameters_are_reached(entry, data):
    loss = loss_of(entry, *data[:2])
    assert isinstance(loss, torch.nn.Module) == isinstance(entry.function, type)
    if isinstance(loss, torch.nn.Module):
        assert list(loss.parameters()), "a class has something to train; without, a function does"
        sum(loss(*data).values()).backward()
        assert all(float(parameter.grad.abs().sum()) > 0 for parameter in loss.parameters())


def test_the_teacher_matters_unless_the_loss_says_that_it_does_not(entry, data):
    student, teacher, given = data
    same = torch.isclose(total(entry, student, teacher, given), total(entry, student, of_teacher(entry, 2), given))
    assert same == entry.traits.get("teacher_free", False)


def test_the_order_of_a_batch_does_not_matter(entry, data):
    order = torch.tensor([3, 1, 5, 0, 4, 2])
    shuffled = data[0][order], data[1][order], chosen(data[2], order)
    assert torch.isclose(total(entry, *data), total(entry, *shuffled))


def test_a_doubled_batch_has_the_same_loss_where_examples_count_alone(entry, data):
    if entry.traits["per_example"]:
        twice = torch.arange(EXAMPLES).repeat(2)
        assert torch.isclose(total(entry, *data), total(entry, data[0][twice], data[1][twice], chosen(data[2], twice)))


def test_a_student_like_its_teacher_has_nothing_left_to_learn_from_it(entry):
    if isinstance(entry.function, type) or entry.traits.get("teacher_free"):
        return  # what it trains is still to be learned, or there is no teacher to be like
    like, unlike = of_student(entry), of_student(entry)
    total(entry, like, of_student(entry), batch()).backward()
    total(entry, unlike, of_teacher(entry), batch()).backward()
    for none, some in zip(gradients(like), gradients(unlike), strict=True):
        assert float(none.abs().max()) < 1e-6 + 1e-5 * float(some.abs().max())


def test_every_knob_changes_the_result(entry, data):
    for knob in entry.knobs.values():
        assert not torch.isclose(total(entry, *data), total(entry, *data, **{knob.name: other_value(knob)})), knob.name


def test_the_bounds_are_usable(entry):
    for knob in entry.knobs.values():
        for value in (knob.low, knob.high) if knob.kind in ("float", "int") else knob.choices:
            student, teacher = of_student(entry, scale=20.0), of_teacher(entry, scale=40.0)
            loss = total(entry, student, teacher, batch(), **{knob.name: value})
            loss.backward()
            assert torch.isfinite(loss), (knob.name, value)
            assert all(torch.isfinite(gradient).all() for gradient in gradients(student)), (knob.name, value)


@pytest.mark.parametrize(("own", "others"), [(1e4, 1e4), (1e4, 1.0), (0.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
def test_huge_answers_and_answers_that_are_all_alike_give_gradients_of_a_usable_size(entry, own, others):
    student, teacher = of_student(entry, scale=own), of_teacher(entry, scale=others)
    loss = total(entry, student, teacher, batch())
    loss.backward()
    assert torch.isfinite(loss)
    assert loss.dtype == torch.float32
    # A division by a tiny number in place of zero would give gradients of 1e8 and more.
    assert all(float(gradient.abs().max()) < 1e4 * max(1.0, own) for gradient in gradients(student))


def test_it_says_what_it_needs_and_whose_share_the_labels_have(entry):
    assert set(entry.traits.get("needs", ())) <= set(NEEDS)
    assert isinstance(entry.traits["per_example"], bool)
    assert "teacher" in entry.caption or not entry.traits.get("teacher_free"), "the caption says that the teacher has no part"
    if share := entry.traits.get("teacher_share"):
        assert (entry.knobs[share].low, entry.knobs[share].high) == (0, 1)
    assert "weight" not in entry.knobs, "in a list of losses that is the weight of the loss"


def test_it_is_documented_with_a_source_and_a_formula_of_its_knobs(entry):
    assert entry.source
    assert entry.title
    usual = {name: knob.default for name, knob in entry.knobs.items()}
    formulas = [declared(entry, {**usual, name: value}) for name, knob in entry.knobs.items() for value in knob.choices]
    for formula in (declared(entry, usual), *formulas):
        assert all(knob.symbol in formula for knob in entry.knobs.values())
        assert "CE" not in formula, "the page adds the labels' part"
        for line in formula.split(" + "):
            assert line.count("{") == line.count("}"), "the page begins a line at each plus between spaces"
    for knob in entry.knobs.values():
        assert knob.help
        numeric = knob.low is not None and knob.high is not None and knob.symbol
        assert knob.kind in ("choice", "bool") or numeric, knob.name


def test_its_docstring_works_a_number_by_hand_with_every_knob_off_its_neutral_value(entry):
    module = vars(sys.modules[entry.function.__module__])
    worked = doctest.DocTestParser().get_doctest(entry.function.__doc__, dict(module), entry.name, None, None)
    runner = doctest.DocTestRunner()
    runner.run(worked)
    assert runner.failures == 0
    assert any(re.fullmatch(r"-?\d+\.?\d*\s", example.want) and float(example.want) for example in worked.examples)
    source = "".join(example.source for example in worked.examples)
    for name, knob in entry.knobs.items():
        given = re.search(rf"\b{name}=(\S+?)[,)]", source)
        assert given, f"the example sets {name}"
        assert given[1].strip("'\"") != str(knob.default), name
        assert knob.kind != "float" or float(given[1]) not in (0.0, 1.0, knob.default), name
