"""Training in bfloat16: what computes in it and what does not, how it is chosen, and that nothing else changes."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from compression import lab, networks
from compression.data.load import load_present
from compression.errors import SpecError
from compression.evaluation import evaluate
from compression.events import Event
from compression.execute import Workspace, execute, precision
from compression.execute.shared import shared_baseline
from compression.export import weights
from compression.hooks import Hooks
from compression.measure.cost import EMULATION_FACTOR, cost
from compression.objective import build_objective
from compression.precision import sentence
from compression.recipe import RECIPE, outcomes, teacher_recipe
from compression.settings import data_root
from compression.spec import parse
from compression.teacher import Teacher
from compression.together import train_together
from compression.training import Loop, train
from tests.test_training import network, toy

SMALL = {"dataset": {"name": "digits", "train_images": 200}, "teacher_train": {"epochs": 1}, "seeds": [0]}
KD = {"name": "kd", "temperature": 4.0, "alpha": 0.9}
NETWORKS = {"teacher": {"name": "cnn", "width": 4}, "student": {"name": "cnn", "width": 2}}


def spec(asked: str, **more: Any) -> Any:
    return parse({"kind": "distill", **SMALL, **NETWORKS, "train": {"epochs": 2, "precision": asked}, **more})


def workspace(root: Path, run: str = "one") -> Workspace:
    return Workspace(root / "runs" / run, root / run / "models", root / "runs")


def plant(monkeypatch: pytest.MonkeyPatch, measured: float | None, *, native: bool = True) -> None:
    monkeypatch.setattr(precision, "is_native", lambda device: native)

    def answer(*_given: object) -> float:
        assert measured is not None, "nothing is timed here"
        return measured

    monkeypatch.setattr(precision, "_measured", answer)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The precision of each role's trainings."""
    seen: dict[str, str] = {}
    own = lab.Lab.train

    def noting(self: Any, model: nn.Module, recipe: Any, *, role: str, **options: Any) -> Any:
        seen[role] = recipe.precision
        return own(self, model, recipe, role=role, **options)

    monkeypatch.setattr(lab.Lab, "train", noting)
    return seen


def test_a_spec_that_asks_for_float32_is_what_it_was():
    asked = parse({"kind": "distill", "train": {"precision": "float32"}})
    assert asked.hash == parse({"kind": "distill"}).hash
    assert "precision" not in asked.to_json()["train"]
    bfloat16 = parse({"kind": "distill", "train": {"precision": "bfloat16"}})
    assert parse(bfloat16.to_json()) == bfloat16
    assert bfloat16.hash != asked.hash


def test_all_networks_of_a_run_have_one_precision():
    assert teacher_recipe({"name": "digits"}, None, {"precision": "bfloat16"})["precision"] == "bfloat16"
    assert "precision" not in teacher_recipe({"name": "digits"}, None, {})
    with pytest.raises(SpecError, match=r"teacher_train\.precision.*train\.precision"):
        parse({"kind": "distill", "teacher_train": {"precision": "bfloat16"}})


@pytest.mark.parametrize("augment", ["none", "shift_flip"])
def test_networks_compute_in_bfloat16_and_nothing_else_does(augment: str):
    dataset, recipe = toy(), RECIPE.function(epochs=1, batch_size=16, augment=augment, precision="bfloat16")
    model, guide = network(dataset), network(dataset, 1, 4).eval()
    computed: dict[bool, set[torch.dtype]] = {True: set(), False: set()}
    model[0].register_forward_hook(lambda layer, _given, output: computed[layer.training].add(output.dtype))
    loop = Loop(model.train(), dataset, recipe, 0, build_objective(KD), Teacher(guide, dataset), Hooks())
    seen: list[Tensor] = []
    loop.compared.total.register_forward_hook(
        lambda _total, given, terms: seen.extend([given[0].logits, given[1].logits, *terms.values()])
    )
    list(loop.run_epoch(1))
    assert computed == {True: {torch.bfloat16}, False: {torch.float32}}
    assert {tensor.dtype for tensor in seen} == {torch.float32}
    state = [*loop.trained.state_dict().values(), *(value for held in loop.optimizer.states.values() for value in held.values())]
    assert {tensor.dtype for tensor in state if tensor.is_floating_point()} == {torch.float32}


def test_networks_in_lockstep_compute_in_bfloat16_too():
    dataset, recipe = toy(), RECIPE.function(epochs=1, batch_size=32, precision="bfloat16")
    models, computed = [network(dataset, seed) for seed in (0, 1)], set[torch.dtype]()
    models[1][0].register_forward_hook(lambda layer, _given, output: computed.add(output.dtype) if layer.training else None)
    list(train_together(models, dataset, recipe, lambda _own, _others, _batch: {}, seed=0))
    assert computed == {torch.bfloat16}


def test_a_network_learns_as_much_in_bfloat16():
    data = load_present({"name": "digits", "train_images": 300, "split_seed": 0}, data_root())
    found = []
    for asked in ("float32", "bfloat16"):
        model = networks.build({"name": "mlp", "hidden": [32]}, data, seed=0)
        list(train(model, data, RECIPE.function(epochs=3, batch_size=8, lr=0.1, precision=asked), seed=0))
        found.append(evaluate(model, data)["val_accuracy"])
    assert found[0] > 0.7
    assert found[1] == pytest.approx(found[0], abs=0.08)


def test_a_distillation_in_bfloat16_says_so_and_leaves_float32_files(tmp_path: Path, trained: dict[str, str]):
    told = list(execute(spec("bfloat16"), workspace(tmp_path)))
    found = told[-1]["result"]["precision"]
    assert (found["asked"], found["used"], found["speedup"]) == ("bfloat16", "bfloat16", None)
    assert [event["text"] for event in told if event.get("stage") == "precision"] == [sentence(found)]
    assert trained == dict.fromkeys(["teacher", "baseline", "student"], "bfloat16")
    for path in (tmp_path / "runs" / "one").glob("*.safetensors"):
        assert {tensor.dtype for tensor in weights.load(path)[0].values() if tensor.is_floating_point()} == {torch.float32}


def test_networks_trained_in_bfloat16_are_cached_under_other_names(tmp_path: Path):
    recipes = [
        teacher_recipe(wanted.dataset, wanted.teacher_train, wanted.train) for wanted in (spec("float32"), spec("bfloat16"))
    ]
    assert len({networks.cache_key(SMALL["dataset"], NETWORKS["teacher"], recipe, 0) for recipe in recipes}) == 2
    assert len({shared_baseline(spec(asked), tmp_path, 0, 0.1).network for asked in ("float32", "bfloat16")}) == 2


def settled(asked: str, root: Path) -> tuple[Any, dict[str, Any], list[str]]:
    """The spec that a run goes by, what its result says of the precision, and what it tells while it chooses."""
    wanted, told = spec(asked), list[str]()
    data = load_present(wanted.dataset, data_root())
    (root / "runs" / "one").mkdir(parents=True, exist_ok=True)
    choosing = precision.settle(wanted, lab.Lab(workspace(root), wanted.dataset, data))
    while True:
        try:
            told.append(next(choosing)["text"])
        except StopIteration as end:
            return *end.value, told


@pytest.mark.parametrize(("measured", "used"), [(1.1, "bfloat16"), (3.0, "bfloat16"), (1.09, "float32"), (0.2, "float32")])
def test_automatic_takes_what_was_faster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: float, used: str):
    plant(monkeypatch, measured)
    chosen, found, told = settled("automatic", tmp_path)
    assert chosen == spec(used)
    assert found == {"precision": {"asked": "automatic", "used": used, "native": True, "speedup": measured}}
    assert f"Training in {used}: " in told[-1]
    assert f"{measured:.2f} times as fast" in told[-1]


def test_automatic_times_nothing_where_a_device_has_no_instructions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plant(monkeypatch, None, native=False)
    chosen, found, told = settled("automatic", tmp_path)
    assert chosen == spec("float32")
    assert told == [sentence(found["precision"])] == ["Training in float32: this device has no instructions for bfloat16."]


def test_nothing_is_said_where_nothing_was_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plant(monkeypatch, None)
    assert settled("float32", tmp_path) == (spec("float32"), {}, [])


def same_weights(one: Path, other: Path) -> bool:
    names = sorted(path.name for path in one.glob("*.safetensors"))
    pairs = [(weights.load(one / name)[0], weights.load(other / name)[0]) for name in names]
    return bool(pairs) and all(torch.equal(mine[key], theirs[key]) for mine, theirs in pairs for key in mine)


def trainings_of(run: Iterator[Event]) -> list[str]:
    """Carry a run out up to its measurements; return what it said of the precision."""
    told = list(itertools.takewhile(lambda event: event.get("stage") != "measure", run))
    return [event["text"] for event in told if event.get("stage") == "precision"]


def test_a_run_that_goes_on_keeps_what_it_had_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("compression.training.CHECKPOINT_SECONDS", 0.0)
    plant(monkeypatch, 2.0)
    trainings_of(execute(spec("automatic"), workspace(tmp_path, "whole")))
    begun = execute(spec("automatic"), workspace(tmp_path))
    for event in begun:
        if event["type"] == "metric" and event["role"] == "student" and event["epoch"] == 1:
            next(begun)
            break
    begun.close()
    plant(monkeypatch, 0.5)
    told = trainings_of(execute(spec("automatic"), workspace(tmp_path)))
    assert told == ["Training in bfloat16: steps were 2.00 times as fast as in float32."]
    assert same_weights(tmp_path / "runs" / "whole", tmp_path / "runs" / "one")


def test_the_speed_is_the_ratio_of_medians_of_rounds_in_turn():
    now, taken = 0.0, list[str]()

    def step(name: str, seconds: list[float]) -> Callable[[], None]:
        def act() -> None:
            nonlocal now
            taken.append(name)
            now += seconds.pop(0)

        return act

    slow, quick = [60.0, 3, 3, 90, 3, 3], [60.0, 2, 2, 2, 2, 50]  # the first of each does not count
    measured = precision.speedup({"float32": step("float32", slow), "bfloat16": step("bfloat16", quick)}, lambda: now)
    assert measured == 1.5
    assert taken == ["float32", "bfloat16"] * 6


@pytest.mark.parametrize("kind", ["distill", "mutual", "compress", "from a run"])
def test_what_is_timed_are_steps_of_all_networks_that_the_run_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str):
    monkeypatch.setattr(precision, "FEWEST_ROUNDS", 1)
    monkeypatch.setattr(precision, "BUDGET_S", 0.0)
    stepped: list[tuple[int, str]] = []
    own = Loop.take_step

    def noting(self: Loop, *given: Any) -> None:
        stepped.append((self.model[0].out_channels, self.recipe.precision))
        own(self, *given)

    monkeypatch.setattr(Loop, "take_step", noting)
    folder = workspace(tmp_path)
    compression = {"kind": "compress", "dataset": SMALL["dataset"], "train": {"epochs": 1}}
    wanted = {
        "distill": spec("automatic"),
        "mutual": spec("automatic", scheme="mutual", teacher_train=None),
        "compress": parse({**compression, "model": NETWORKS["student"]}),
        "from a run": parse({**compression, "model": {"run": "abcdef", "role": "student", "seed": 0}}),
    }[kind]
    data = load_present(parse({"kind": "distill", **SMALL}).dataset, data_root())
    if kind == "from a run":
        model = networks.build(NETWORKS["student"], data, seed=0)
        (tmp_path / "runs" / "abcdef").mkdir(parents=True)
        facts = networks.facts_of(NETWORKS["student"], data)
        weights.save(tmp_path / "runs" / "abcdef" / "student-seed0.safetensors", model, facts)
    assert precision._measured(wanted, lab.Lab(folder, wanted.dataset, data)) > 0
    widths = {"distill": [4, 2], "mutual": [2, 4], "compress": [2], "from a run": [2]}[kind]
    assert stepped == [(width, name) for name in ("float32", "bfloat16") for width in widths] * 2


def test_rounded_and_pruned_networks_train_on_in_bfloat16(tmp_path: Path):
    steps = [{"name": "prune", "sparsity": 0.5}, {"name": "quantize", "bits": 4}, {"name": "quantize_activations"}]
    steps.append({"name": "finetune", "epochs": 1, "loss": {"name": "kd"}})
    raw = {"kind": "compress", "dataset": SMALL["dataset"], "model": NETWORKS["student"], "steps": steps, "seeds": [0]}
    told = list(execute(parse({**raw, "train": {"epochs": 1, "precision": "bfloat16"}}), workspace(tmp_path)))
    assert told[-1]["result"]["precision"]["used"] == "bfloat16"


def test_forecasts_know_how_slow_bfloat16_is_without_instructions(monkeypatch: pytest.MonkeyPatch):
    own, options = cost(network(toy()), (1, 8, 8)), {"images": 64, "validation_images": 0, "device": "cpu"}
    plain, reduced = (RECIPE.function(epochs=1, precision=name) for name in ("float32", "bfloat16"))
    seconds = own.training_seconds(plain, **options)
    monkeypatch.setattr("compression.measure.cost.is_native", lambda device: False)
    assert own.training_seconds(reduced, **options) == pytest.approx(EMULATION_FACTOR * seconds)
    monkeypatch.setattr("compression.measure.cost.is_native", lambda device: True)
    assert own.training_seconds(reduced, **options) == seconds


def test_forecasts_take_automatic_for_float32():
    train = parse({"kind": "distill", "train": {"precision": "automatic"}}).train
    assert outcomes(train)[0] == parse({"kind": "distill"}).train
    assert [recipe.get("precision") for recipe in outcomes(train)] == [None, "bfloat16"]
