"""What every scheme must do, whichever it is."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from compression import training
from compression.catalog import Entry, Knob
from compression.data import DATASETS
from compression.data.load import load_present
from compression.estimate import trainings
from compression.execute import Workspace
from compression.execute.precision import _trained
from compression.execute.students import Students
from compression.lab import Lab
from compression.roles import TITLES, parted
from compression.schemes import SCHEMES, before, beside, each_before, parts, roles
from compression.settings import data_root
from compression.spec import DEFAULTS, DistillSpec, override, parse
from tests.schemes.other_images import other_images

ENTRIES = [*SCHEMES.values()]
SMALL = {
    "kind": "distill",
    "teacher": {"name": "cnn", "width": 3},
    "student": {"name": "cnn", "width": 2},
    "train": {"epochs": 3, "batch_size": 24},
    "transfer": {"images": 60},
    "seeds": [0, 2],
}
ELSEWHERE = {
    ("cut", "inherit"),  # a student is a part of its teacher by one of the two alone: test_cut.py
    ("another_task", "teacher_dataset"),  # another dataset would have to be downloaded
}
STEPS = 3 * 2  # of one training
Weights = dict[tuple[str, int], Mapping[str, torch.Tensor]]


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home for the images that a teacher of another task learns from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAB_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(params=ENTRIES, ids=lambda entry: entry.name)
def entry(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Entry:
    monkeypatch.setitem(SCHEMES._entries, request.param.name, request.param)
    return request.param


@pytest.fixture(scope="module")
def digits() -> Any:
    return load_present({"name": "digits", "train_images": 100, "split_seed": 0}, data_root())


def asked(entry: Entry, **changes: Any) -> DistillSpec:
    few = {name: int(knob.low) for name, knob in entry.knobs.items() if knob.kind == "int"}
    few |= {name: other_images() for name, knob in entry.knobs.items() if knob.registry is DATASETS}
    spec = {**SMALL, "dataset": {"name": "digits", "train_images": 100}, "scheme": {"name": entry.name, **few}, **changes}
    unused = entry.traits.get("unused", {})
    return parse({field: value for field, value in {"teacher_train": {"epochs": 1}, **spec}.items() if field not in unused})


class Run:
    """One scheme at work in a folder, without the measurements that follow."""

    def __init__(self, spec: DistillSpec, data: Any, root: Path, name: str = "one") -> None:
        workspace = Workspace(root / "runs" / name, root / "models", root / "runs")
        workspace.folder.mkdir(parents=True, exist_ok=True)
        self.students = Students(spec, Lab(workspace, spec.dataset, data), data.first(spec.transfer["images"]))

    def events(self) -> Iterator[dict[str, Any]]:
        return self.students.run()

    def finish(self) -> list[dict[str, Any]]:
        return list(self.events())

    def weights(self) -> Weights:
        everyone = self.students.everyone
        return {(role, seed): network.model.state_dict() for role, of in everyone.items() for seed, network in of.items()}


@dataclass(frozen=True)
class Finished:
    """A finished run that tests share: they change neither its networks nor its folder."""

    run: Run
    events: list[dict[str, Any]]
    root: Path

    def models(self, root: Path) -> Path:
        """Copy the teachers and baselines that it trained to another folder, and return that folder."""
        shutil.copytree(self.root / "models", root / "models")
        return root


@pytest.fixture(scope="module")
def finished(digits: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Finished]:
    """Return the finished run of a scheme, which told every step: computed once for each scheme and list of seeds."""

    @cache
    def of(name: str, *seeds: int) -> Finished:
        root = tmp_path_factory.mktemp("finished")
        run = Run(asked(SCHEMES[name], seeds=list(seeds)), digits, root)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(training, "BEAT_SECONDS", -1.0)
            patch.setattr(training, "CHECKPOINT_SECONDS", -1.0)
            return Finished(run, run.finish(), root)

    return lambda entry, seeds=(0, 2): of(entry.name, *seeds)


def size(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def same(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(tensor, other[key][name]) for key, state in one.items() for name, tensor in state.items()
    )


def metrics(events: list[dict[str, Any]]) -> dict[tuple[Any, ...], Any]:
    told = [event for event in events if event["type"] == "metric"]
    return {(event["role"], event["seed"], event["epoch"]): event["values"] for event in told}


def test_it_leaves_a_network_of_every_role_for_every_seed(entry, finished):
    spec, run, events = asked(entry), finished(entry).run, finished(entry).events
    assert list(run.students.everyone) == [*before(spec), *beside(spec), *parts(spec), "baseline", "student"]
    for role, by_seed in run.students.everyone.items():
        assert role in before(spec) or list(by_seed) == spec.seeds
        trained = {of: choice for of, choice, _seed in each_before(spec)}
        architecture = {**trained, **beside(spec)}.get(role, spec.student)
        assert all(network.architecture == architecture for network in by_seed.values())
    told = {(event["role"], event["seed"]): event["name"] for event in events if event["type"] == "artifact"}
    assert told == {(role, seed): f"{role}-seed{seed}.safetensors" for role, seed in run.weights()}
    assert all((run.students.lab.workspace.folder / name).is_file() for name in told.values())
    assert not list(run.students.lab.workspace.folder.glob("*.checkpoint"))
    for role, seed in run.weights():
        epochs = [epoch for of, at, epoch in metrics(events) if (of, at) == (role, seed)]
        assert role in before(spec) or epochs == ([None] if role in parts(spec) else [0, 1, 2, 3])
    json.dumps(events, allow_nan=False)


def test_the_student_is_helped_and_the_baseline_is_not(entry, finished):
    found, alone = finished(entry).run.weights(), finished(SCHEMES["offline"]).run.weights()
    for seed in (0, 2):
        assert same({("", 0): found["baseline", seed]}, {("", 0): alone["baseline", seed]}), "the student alone, from its seed"
        assert not same({("", 0): found["student", seed]}, {("", 0): found["baseline", seed]})


def test_every_network_beside_a_student_learns_and_begins_from_weights_of_its_own(entry, digits, tmp_path):
    run = Run(asked(entry, teacher=SMALL["student"]), digits, tmp_path)
    run.finish()
    states = [state for (role, _seed), state in run.weights().items() if role in ("student", *beside(run.students.spec))]
    for place, state in enumerate(states):
        assert not any(same({("", 0): state}, {("", 0): other}) for other in states[:place])


def another(knob: Knob) -> Any:
    """A value that `asked` does not ask for: its whole numbers are the lowest."""
    if knob.kind in ("choice", "bool"):
        return next(value for value in knob.choices or (True, False) if value != knob.default)
    return knob.low + 0.37 * (knob.high - knob.low) if knob.kind == "float" else int(knob.low) + 1


def test_each_knob_changes_the_student(entry, finished, digits, tmp_path):
    usual = Run(asked(entry), digits, finished(entry).models(tmp_path))
    usual.finish()
    for name, knob in entry.knobs.items():
        if (entry.name, name) in ELSEWHERE:
            continue
        other = another(knob)
        run = Run(asked(entry, scheme={**asked(entry).scheme, name: other}), digits, tmp_path, name)
        run.finish()
        assert not torch.equal(
            next(iter(run.weights()["student", 0].values())), next(iter(usual.weights()["student", 0].values()))
        ), name


def test_the_same_seeds_give_the_same_numbers(entry, finished, digits, tmp_path):
    first, second = finished(entry), Run(asked(entry), digits, tmp_path)
    assert metrics(first.events) == metrics(second.finish())
    assert same(first.run.weights(), second.weights())


def test_it_can_be_stopped_after_every_step(entry, finished):
    progress = [event for event in finished(entry).events if event["type"] == "progress"]
    for role in ("baseline", "student"):
        assert len([event for event in progress if (event["role"], event["seed"]) == (role, 0) and event["epoch"]]) >= STEPS
    fractions = [event["fraction"] for event in progress]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("where", ["between trainings", "within a training"])
def test_wherever_it_is_stopped_it_goes_on_to_the_same_numbers(entry, finished, digits, tmp_path, monkeypatch, where):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", -1.0)
    monkeypatch.setattr(training, "BEAT_SECONDS", -1.0)
    spec = asked(entry, seeds=[2])
    whole, events = finished(entry, seeds=(2,)).run, finished(entry, seeds=(2,)).events
    expected = metrics(events)
    stops = [place for place, event in enumerate(events) if event["type"] in ("stage", "artifact")]
    if where == "within a training":
        late = {
            (event["role"], place) for place, event in enumerate(events) if event["type"] == "progress" and event["epoch"] == 2.5
        }
        stops = [place for role, place in sorted(late) if role != "baseline"]
        assert stops
    for place in stops:
        stopped = Run(spec, digits, tmp_path / f"{place}")
        running = stopped.events()
        told = metrics([next(running) for _event in range(place + 1)])
        running.close()
        resumed = Run(spec, digits, tmp_path / f"{place}")
        again = metrics(resumed.finish())
        assert told | again == expected
        assert where == "between trainings" or (events[place]["role"], 2, 1) not in again, "it goes on from its checkpoint"
        assert same(resumed.weights(), whole.weights())
        assert not list(resumed.students.lab.workspace.folder.glob("*.damaged"))


def test_it_works_for_as_long_as_forecast(entry, digits, tmp_path, monkeypatch):
    spec = asked(entry, tune={"lr": [0.05, 0.1]})
    forecast = Counter(training.role for training in trainings(spec, Workspace(tmp_path, tmp_path, tmp_path)))
    run, begun = Run(spec, digits, tmp_path), Counter()
    begin = training.Loop.__init__

    def spy(loop: training.Loop, model: torch.nn.Module, *given: Any) -> None:
        begun[size(model)] += 1
        begin(loop, model, *given)

    monkeypatch.setattr(training.Loop, "__init__", spy)
    run.finish()
    sizes = {
        role: sum(p.numel() for p in next(iter(of.values())).model.parameters()) for role, of in run.students.everyone.items()
    }
    expected = Counter[int]()
    for role, count in forecast.items():
        expected[sizes[role]] += count
    assert begun == expected
    assert not run.students.lab.progress.work


def test_a_step_of_each_of_its_networks_can_be_timed(entry, finished, digits, tmp_path):
    spec = asked(entry)
    timed = [size(model) for model, _data, _recipe in _trained(spec, Run(spec, digits, tmp_path).students.lab)]
    everyone = finished(entry).run.students.everyone
    made = {role: next(iter(of.values())).model for role, of in everyone.items() if role not in ("baseline", *parts(spec))}
    assert sorted(timed) == sorted(size(model) for model in made.values())


def test_both_roles_choose_their_rates_and_others_have_the_students(entry, digits, tmp_path):
    run = Run(asked(entry, tune={"lr": [0.0001, 0.1]}), digits, tmp_path)
    events = run.finish()
    chosen = {role: found["lr"] for role, found in run.students.rates.items()}
    for role, found in run.students.rates.items():
        assert chosen[role] in [row["lr"] for row in found["tried"]] == [0.0001, 0.1]
    assert chosen["baseline"] == 0.1
    rates = {(role, values["lr"]) for (role, _seed, epoch), values in metrics(events).items() if epoch == 1}
    assert len({lr for role, lr in rates if role in ("student", *beside(run.students.spec))}) == 1
    assert {event["seed"] for event in events if event["type"] == "metric" and event["role"] == "student"} == {0, 2}


def test_baselines_are_trained_once_for_all_its_knobs(entry, finished, digits, tmp_path):
    knobs = {name: knob.snap(0.37 * (knob.high + knob.low)) for name, knob in entry.knobs.items() if knob.kind == "float"}
    again = Run(asked(entry, scheme={**asked(entry).scheme, **knobs}), digits, finished(entry).models(tmp_path), "again")
    again.finish()
    assert again.students.cached == {0, 2}


def test_its_spec_parses_to_itself_and_can_be_named_alone(entry):
    spec = asked(entry)
    assert parse(json.loads(json.dumps(spec.to_json()))) == spec
    assert override({"kind": "distill"}, [f"scheme={entry.name}"]) == parse({"kind": "distill", "scheme": entry.name}).to_json()


def test_it_is_documented_and_refuses_with_reasons(entry):
    assert entry.title
    assert entry.source
    brought = {parted(role)[0] for role in roles(asked(entry))} - TITLES.keys()
    assert brought <= entry.traits.get("titles", {}).keys(), "a role that only this scheme has needs a title"
    for knob in entry.knobs.values():
        assert knob.help
        assert knob.kind in ("choice", "bool") or (knob.low is not None and knob.high is not None)
    for field, reason in entry.traits.get("unused", {}).items():
        assert field.split(".")[0] in DEFAULTS["distill"]
        assert reason[0].islower()
        assert not reason.endswith("."), "the end of a sentence"
    if "loss" in entry.traits.get("unused", {}):
        assert all(knob.symbol in entry.traits["formula"] for knob in entry.knobs.values())
        assert "CE" not in entry.traits["formula"], "the page adds the labels' part"
