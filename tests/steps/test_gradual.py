"""Pruning while training: the schedule, the masks from unpruned weights, targets, and interruptions."""

import copy
import itertools
import json

import pytest
import torch
from torch.nn.utils import parametrize

from compression import networks, training
from compression.data.load import load_present
from compression.errors import SpecError
from compression.execute import execute
from compression.export import compact
from compression.hooks import Hooks
from compression.networks import Workspace
from compression.preview import preview
from compression.recipe import Recipe
from compression.spec import parse
from compression.steps import STEPS
from compression.steps.at_once import at_once
from compression.steps.gradual import cubic, update_steps
from compression.steps.state import State
from compression.targets import TARGETS
from compression.targets.reached import Reached
from compression.training import Epoch, train
from tests.test_training import network, toy

RECIPE = Recipe(4, 16, 0.1, "sgd", 0.9, "constant", 0.0, "none")
GRADUAL = {"name": "gradual", "sparsity": 0.6, "epochs": 4, "lr": 0.05, "updates": 8}
STEPS_OF_TOY = 4 * (70 // 16)


def trained(state, *, watch=lambda step: None, **knobs):
    """Run the step on made-up images; return the epochs told. `watch` is called after each step of the optimizer."""

    def run(changes, objective=None, after_step=None, penalty=None, stop_when=None):
        assert objective is None
        assert penalty is None

        def both(step, of):
            after_step(step, of)
            watch(step)

        recipe = Recipe(changes["epochs"], 16, changes["lr"], "sgd", 0.9, "constant", 0.0, "none")
        yield from train(state.model, state.data, recipe, seed=3, hooks=Hooks(both, None, stop_when))

    state.train = run
    state.file_bytes = lambda now, facts: compact.size(now.contents(), facts)
    settings = {name: value for name, value in {**GRADUAL, **knobs}.items() if name != "name"}
    return [event for event in STEPS["gradual"].function(state, **settings) if isinstance(event, Epoch)]


def fresh():
    data = toy()
    return State(network(data), data=data)


def weights_now(model):
    """Return the weights that a network in training computes with, by layer."""
    return {name: module.weight.detach() for name, module in model.named_modules() if parametrize.is_parametrized(module)}


def share(weights):
    return sum(int((weight == 0).sum()) for weight in weights.values()) / sum(weight.numel() for weight in weights.values())


def test_the_schedule_is_that_of_the_paper():
    """s_t = s_f + (s_i - s_f) (1 - (t - t_0) / (n Δt))^3, Zhu & Gupta 2017, equation 1."""
    assert [cubic(0.0, 0.8, step / 4) for step in range(5)] == pytest.approx([0, 0.4625, 0.7, 0.7875, 0.8])
    assert cubic(0.5, 0.9, 0.5) == pytest.approx(0.9 - 0.4 * 0.125)
    assert update_steps(100, 0.5, 5) == {10: 0.2, 20: 0.4, 30: 0.6, 40: 0.8, 50: 1.0}
    assert update_steps(100, 1.0, 1) == {100: 1.0}
    assert max(update_steps(7, 0.75, 100).items()) == (5, 1.0)


def test_each_update_reaches_its_sparsity_and_holds_until_the_next():
    state, seen = fresh(), []
    trained(state, ramp=0.5, watch=lambda step: seen.append(share(weights_now(state.model))))
    at = update_steps(STEPS_OF_TOY, 0.5, 8)
    total, expected = sum(weight.numel() for weight in state.weights().values()), 0.0
    for step, found in enumerate(seen, 1):
        expected = cubic(0, 0.6, at[step]) if step in at else expected
        assert found == pytest.approx(round(expected * total) / total), step
    assert share(state.weights()) == round(0.6 * total) / total
    assert all((weight[~state.masks[name]] == 0).all() for name, weight in state.weights().items())


def test_masks_are_chosen_from_unpruned_weights_so_that_some_come_back():
    """The trap: chosen from masked weights, what is zero once is the smallest for ever."""
    state, gone = fresh(), []

    def watch(_step):
        gone.append(torch.cat([(weight == 0).flatten() for weight in weights_now(state.model).values()]))

    trained(state, lr=0.5, updates=16, watch=watch)
    assert sum(int((before & ~after).sum()) for before, after in itertools.pairwise(gone)) > 0


def test_the_last_masks_are_those_of_the_unpruned_weights_by_hand():
    state, beneath = fresh(), []

    def watch(step):
        if step == STEPS_OF_TOY:
            named = {n: m for n, m in state.model.named_modules() if parametrize.is_parametrized(m)}
            beneath.append({f"{n}.weight": m.parametrizations.weight.original.detach().clone() for n, m in named.items()})

    trained(state, ramp=1.0, watch=watch)
    sizes = torch.cat([weight.abs().flatten() for weight in beneath[0].values()]).sort().values
    threshold = sizes[round(0.6 * len(sizes)) - 1]
    for name, weight in beneath[0].items():
        assert torch.equal(state.masks[name], weight.abs() > threshold)
        assert torch.equal(state.weights()[name], weight.masked_fill(weight.abs() <= threshold, 0))


def test_gradients_are_those_of_the_network_as_it_is_at_the_update():
    """By hand: with its masks until then, its present norms and its present weights beneath."""
    state, now = fresh(), {}
    first = copy.deepcopy(state.model)

    def watch(step):
        if step == STEPS_OF_TOY - 1:
            now["masks"] = {name: weight != 0 for name, weight in weights_now(state.model).items()}
        if step == STEPS_OF_TOY:
            now["state"] = {key: tensor.clone() for key, tensor in state.model.state_dict().items()}

    trained(state, ramp=1.0, updates=16, criterion={"name": "taylor", "images": 64, "batch_size": 64}, watch=watch)
    beneath = {name: now["state"][f"{name}.parametrizations.weight.original"] for name in now["masks"]}
    first.load_state_dict({key: tensor for key, tensor in now["state"].items() if "parametrizations" not in key}, strict=False)
    with torch.no_grad():
        for name, mask in now["masks"].items():
            first.get_submodule(name).weight.copy_(beneath[name] * mask)
    data = state.data
    loss = torch.nn.functional.cross_entropy(first.eval()(data.normalize(data.train.inputs[:64])), data.train.labels[:64])
    loss.backward()
    scores = {name: (first.get_submodule(name).weight.grad * beneath[name]).square() for name in beneath}
    order = torch.cat([one.flatten() for one in scores.values()]).sort().values
    threshold = order[round(0.6 * len(order)) - 1]
    for name, score in scores.items():
        assert torch.equal(state.masks[f"{name}.weight"], score > threshold)


@pytest.mark.parametrize("granularity", ["weight", "channel"])
@pytest.mark.parametrize("criterion", ["magnitude", "taylor", "random"])
def test_what_was_removed_before_stays_removed_and_levels_stay_in_force(criterion, granularity):
    state = fresh()
    STEPS["prune"].function(state, sparsity=0.3, granularity=granularity)
    STEPS["quantize"].function(state, method="kmeans", bits=3)
    gone, levels = dict(state.masks), dict(state.quantized)
    trained(state, criterion=criterion, granularity=granularity, epochs=1)
    for name, mask in gone.items():
        assert not (state.masks[name] & ~mask).any()
    for name, weight in state.weights().items():
        assert torch.equal(levels[name].codes, state.quantized[name].codes)
        assert torch.equal(state.quantized[name].dequantize(), weight)
        assert (weight[~state.masks[name]] == 0).all()
    assert sum(int((~mask).sum()) for mask in state.masks.values()) > sum(int((~mask).sum()) for mask in gone.values())


def test_whole_channels_go_with_their_norms():
    state = fresh()
    trained(state, granularity="channel", scope="layer", sparsity=0.5)
    gone = ~state.masks["0.weight"].flatten(1).any(1)
    assert gone.sum() == 1
    assert not state.model[1].weight[gone].any()
    assert not state.model[1].bias[gone].any()
    assert list(state.model.state_dict()) == list(fresh().model.state_dict())


def test_every_knob_changes_the_network():
    entry, usual = STEPS["gradual"], fresh()
    trained(usual)
    changes = {"epochs": 3, "lr": 0.2, "until": {"name": "accuracy_drop", "points": -1.0}}
    for knob in [knob for knob in entry.knobs.values() if knob.name != "loss"]:
        other = changes.get(knob.name) or next((one for one in knob.choices if one != knob.default), knob.low)
        state = fresh()
        trained(state, **{knob.name: other})
        assert any(not torch.equal(weight, usual.weights()[name]) for name, weight in state.weights().items()), knob.name


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_is_documented_and_its_knobs_decide(name):
    entry = TARGETS[name]
    assert entry.title
    assert entry.knobs
    assert all(knob.help and knob.low is not None and knob.high is not None for knob in entry.knobs.values())
    for knob in entry.knobs.values():
        answers = {
            entry.function(Reached(accuracy, 0.9, lambda size=size: size, epoch), **{knob.name: value})
            for accuracy, size, epoch in ((0.5, 50, 300), (0.9, 5_000_000, 1))
            for value in (knob.low, knob.high)
        }
        assert None in answers
        assert answers & {"here", "before"}


def test_targets_by_hand():
    drop, size = TARGETS["accuracy_drop"].function, TARGETS["file_size"].function

    def at(accuracy, size_bytes=0):
        return Reached(accuracy, 0.95, lambda: size_bytes, 1)

    assert [drop(at(0.93), points=points) for points in (0.01, 0.02, 0.03)] == ["before", None, None]
    assert [size(at(0, bytes_), kilobytes=9.0) for bytes_ in (9000, 9001)] == ["here", None]


def test_a_drop_of_accuracy_ends_the_step_with_the_network_of_the_epoch_before():
    whole = fresh()
    told = trained(whole, sparsity=0.95, ramp=1.0, epochs=12, lr=0.1)
    start, *after = [epoch.values["val_accuracy"] for epoch in told]
    points = round(start - min(after) - 0.01, 3)
    first = next(epoch for epoch, value in enumerate(after, 1) if value < start - points - 1e-9)
    assert first > 1
    state, snapshots = fresh(), []
    steps = 70 // 16

    def watch(step):
        if step % steps == 0:
            snapshots.append({name: weight.clone() for name, weight in weights_now(state.model).items()})

    until = {"name": "accuracy_drop", "points": points}
    stopped = trained(state, sparsity=0.95, ramp=1.0, epochs=12, lr=0.1, until=until, watch=watch)
    assert len(stopped) == first + 1
    assert all(torch.equal(weight, state.weights()[f"{name}.weight"]) for name, weight in snapshots[first - 2].items())
    sparsity = share(state.weights())
    assert state.stopped == {
        "epoch": first - 1,
        "epochs": first,
        "until": "accuracy_drop",
        "sparsity": pytest.approx(sparsity, abs=1e-4),
    }


def test_a_target_can_count_epochs(monkeypatch):
    counted = []

    def third(reached):
        counted.append(reached.epoch)
        return "here" if reached.epoch == 3 else None

    monkeypatch.setattr(TARGETS, "bind", lambda choice: third)
    state = fresh()
    assert len(trained(state, epochs=12, until={"name": "third"})) == 1 + 3
    assert counted == [1, 2, 3]
    assert state.stopped["epoch"] == 3


def test_a_file_size_ends_the_step_at_the_first_epoch_that_reaches_it():
    whole, sizes = fresh(), []
    steps = 70 // 16

    def watch(step):
        if step % steps == 0:
            masks = {name: weight != 0 for name, weight in weights_now(whole.model).items()}
            plain = State(copy.deepcopy(fresh().model))
            plain.write({f"{name}.weight": masks[name].float() for name in masks})
            sizes.append(len(masks) and compact.size(plain.contents(), {"stopped": {}}))

    trained(whole, sparsity=0.95, ramp=1.0, watch=watch)
    state = fresh()
    stopped = trained(state, sparsity=0.95, ramp=1.0, until={"name": "file_size", "kilobytes": (sizes[1] + 100) / 1000})
    assert len(stopped) - 1 == 2
    assert compact.size(state.contents(), {"stopped": state.stopped}) <= sizes[1] + 100
    assert state.stopped["epoch"] == state.stopped["epochs"] == 2


def test_a_spec_has_the_step_with_its_knobs_and_refuses_others():
    (step,) = parse({"kind": "compress", "steps": [{"name": "gradual", "until": {"name": "file_size"}}]}).steps
    assert step["until"] == {"name": "file_size", "kilobytes": 10.0}
    assert (step["criterion"], step["loss"], step["ramp"]) == ("magnitude", None, 0.75)
    with pytest.raises(SpecError, match=r"steps\.0\.until"):
        parse({"kind": "compress", "steps": [{"name": "gradual", "until": "never"}]})
    with pytest.raises(SpecError, match=r"steps\.0\.until\.points"):
        parse({"kind": "compress", "steps": [{"name": "gradual", "until": {"name": "accuracy_drop", "points": 2}}]})


def test_before_recovery_it_prunes_at_once_to_the_same_sparsity():
    steps = parse({"kind": "compress", "steps": [GRADUAL, {"name": "quantize", "bits": 3}, {"name": "finetune"}]}).steps
    assert at_once(steps) == [
        {"name": "prune", "criterion": "magnitude", "sparsity": 0.6, "granularity": "weight", "scope": "global"},
        steps[1],
    ]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Networks trained once for all tests."""
    return tmp_path_factory.mktemp("models")


def request(steps):
    model = {"name": "cnn", "width": 3}
    return parse({"kind": "compress", "model": model, "train": {"epochs": 2}, "seeds": [0], "steps": steps})


def told(spec, place):
    events = list(execute(spec, place))
    assert events == json.loads(json.dumps(events, allow_nan=False))
    return events


@pytest.fixture(scope="module")
def wholes():
    """The events of runs that nothing stopped, by their spec's hash: each is run once."""
    return {}


DROP, FILE = {"name": "accuracy_drop", "points": 0.3}, {"name": "file_size", "kilobytes": 3.2}


@pytest.mark.parametrize(("stop_at", "until"), [(1, None), (3, None), (5, None), (1, DROP), (3, DROP), (3, FILE)])
def test_a_resumed_run_ends_with_the_same_bytes_and_tells_no_saved_epoch_twice(
    tmp_path, shared, wholes, monkeypatch, stop_at, until
):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", -1.0)
    gradual = {**GRADUAL, "sparsity": 0.97, "epochs": 5, "criterion": {"name": "taylor", "images": 64}, "until": until}
    spec = request([{"name": "quantize", "method": "kmeans", "bits": 4}, gradual, {"name": "finetune", "epochs": 3}])
    undisturbed = shared.parent / f"whole-{spec.hash}"
    whole = wholes[spec.hash] if spec.hash in wholes else told(spec, Workspace(undisturbed, shared, shared.parent))
    wholes[spec.hash] = whole
    place = Workspace(tmp_path / "runs" / "stopped1", shared, tmp_path / "runs")
    first, events = [], execute(spec, place)
    for event in events:
        first.append(event)
        if event["type"] == "metric" and event["role"] == "compressed" and event["epoch"] == stop_at:
            break
    first.append(next(events, first[-1]))
    events.close()
    rest = told(spec, place)

    def epochs(events):
        compressed = [event for event in events if event["type"] == "metric" and event["role"] == "compressed"]
        return [(event["epoch"], event["values"]) for event in compressed]

    # What was told before it was saved, which is the epoch at whose end it was stopped and epoch 0, is told once more, the same.
    again = [
        (epoch, values) for epoch, values in epochs(first) if epoch < min((after for after, _values in epochs(rest)), default=9)
    ]
    assert again + epochs(rest) == epochs(whole)
    assert epochs(first) == epochs(whole)[: len(epochs(first))]
    assert len(epochs(first)) + len(epochs(rest)) <= len(epochs(whole)) + (2 if stop_at == 1 else 1)
    files = [folder / "compressed-seed0.compact" for folder in (undisturbed, place.folder)]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert sorted(file.name for file in place.folder.iterdir()) == ["compressed-seed0.compact", "original-seed0.safetensors"]
    rows = [events[-1]["result"]["models"]["compressed"]["per_seed"][0] for events in (whole, rest)]
    assert rows[0] == rows[1]


def test_the_file_size_counts_what_the_following_steps_do(tmp_path, shared):
    place = Workspace(tmp_path / "runs" / "size0002", shared, tmp_path / "runs")
    gradual = {**GRADUAL, "sparsity": 0.97, "epochs": 8, "ramp": 1.0, "until": {"name": "file_size", "kilobytes": 2.6}}
    events = told(request([gradual, {"name": "quantize", "bits": 4, "method": "kmeans"}]), place)
    (row,) = events[-1]["result"]["models"]["compressed"]["per_seed"]
    assert (place.folder / "compressed-seed0.compact").stat().st_size <= 2600
    assert 1 <= row["stopped"]["epoch"] < 8


def test_the_steps_after_one_that_stopped_early_go_on_where_it_stopped(tmp_path, shared):
    place = Workspace(tmp_path / "runs" / "size0003", shared, tmp_path / "runs")
    gradual = {**GRADUAL, "sparsity": 0.97, "epochs": 8, "ramp": 1.0, "until": {"name": "file_size", "kilobytes": 3.5}}
    events = told(request([gradual, {"name": "finetune", "epochs": 2}, {"name": "finetune", "epochs": 1}]), place)
    (row,) = events[-1]["result"]["models"]["compressed"]["per_seed"]
    metrics = [event["epoch"] for event in events if event["type"] == "metric" and event["role"] == "compressed"]
    stop = row["stopped"]["epoch"]
    assert 0 < stop < 8
    assert metrics == [*range(stop + 1), stop, stop + 1, stop + 2, stop + 2, stop + 3]


def test_a_run_until_a_file_size_leaves_a_file_of_at_most_that_size_and_says_where_it_stopped(tmp_path, shared):
    place = Workspace(tmp_path / "runs" / "size0001", shared, tmp_path / "runs")
    spec = request([{**GRADUAL, "sparsity": 0.97, "epochs": 8, "ramp": 1.0, "until": {"name": "file_size", "kilobytes": 3.5}}])
    events = told(spec, place)
    (row,) = events[-1]["result"]["models"]["compressed"]["per_seed"]
    file = place.folder / "compressed-seed0.compact"
    assert file.stat().st_size <= 3500
    metrics = [event["epoch"] for event in events if event["type"] == "metric" and event["role"] == "compressed"]
    assert metrics == list(range(row["stopped"]["epoch"] + 1))
    assert 0 < row["stopped"]["epoch"] < 8
    assert compact.read(file)[0]["metadata"]["stopped"] == row["stopped"]
    network = networks.read(place.folder / "original-seed0.safetensors", load_present(spec.dataset, tmp_path))
    (point,) = preview(network, spec.steps, sweep="sparsity", values=[0.97])
    assert point["accuracy"] == row["before_recovery_validation"]
