import time

import pytest
import torch

from compression.measure import latency as module
from compression.measure.latency import latency
from compression.measure.runners import Runner, eager, torchscript
from compression.models import MODELS


class Clock:
    """A clock that only networks move."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now


def slow(clock, name, seconds, log):
    """Return a runner whose calls take the given seconds, the last of them again and again."""
    left = list(seconds)

    def call(inputs):
        assert torch.is_inference_mode_enabled()
        log.append((name, tuple(inputs.shape), torch.get_num_threads()))
        clock.now += left.pop(0) if len(left) > 1 else left[0]

    return Runner(name, f"runtime of {name}", call)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_blocks_take_turns_and_their_first_calls_do_not_count(clock):
    log = []
    # In each block three calls of a second, then four that count: 0.010, 0.020, … 0.240 s over six blocks.
    ramp = [seconds for block in range(6) for seconds in (1, 1, 1, *((4 * block + n) / 100 for n in range(1, 5)))]
    threads = torch.get_num_threads()
    runners = [slow(clock, "a", ramp, log), slow(clock, "b", [0.1], log)]
    figures = latency(runners, (1, 8, 8), batch_size=4, budget_s=0.2)
    assert figures["a"]["median"] == pytest.approx(125)
    assert figures["a"]["p95"] == pytest.approx(228.5)
    assert figures["a"]["blocks"] == [25, 65, 105, 145, 185, 225]
    assert figures["b"]["median"] == pytest.approx(100)
    for name in "ab":
        facts = {"batch_size": 4, "runtime": f"runtime of {name}", "threads": 1, "device": "cpu", "simulated": False}
        assert figures[name].items() >= facts.items()
    assert [name for name, *_rest in log] == (["a"] * 7 + ["b"] * 7) * 6
    assert {entry[1:] for entry in log} == {((4, 1, 8, 8), 1)}
    assert torch.get_num_threads() == threads


def test_a_block_of_a_quick_network_lasts_a_hundredth_of_a_second(clock):
    log = []
    latency([slow(clock, "quick", [1 / 1024], log), slow(clock, "slow", [1.0], log)], (1,), budget_s=0.0)
    assert [name for name, *_rest in log] == (["quick"] * (3 + 11) + ["slow"] * (3 + 4)) * 6


def test_the_budget_ends_the_blocks(clock):
    log = []
    latency([slow(clock, "a", [1 / 64], log), slow(clock, "b", [1 / 64], log)], (1,), budget_s=1.0)
    blocks = 10  # a turn of both takes 14 / 64 s, the tenth goes past two seconds
    assert len(log) == 2 * 7 * blocks


def test_networks_of_the_same_structure_share_their_calls(clock):
    def timed(alike):
        runners = [slow(clock, "a", [1 / 8], []), slow(clock, "other", [1 / 2], []), slow(clock, "b", [3 / 8], [])]
        return latency(runners, (1,), budget_s=0.0, alike=alike)

    apart, together = timed(None), timed({"a": "small", "b": "small"})
    assert [apart[name]["median"] for name in ("a", "b")] == [125, 375]
    assert together["a"] == together["b"] | {"runtime": "runtime of a"}
    assert together["a"]["blocks"] == [250] * 6
    assert together["other"] == apart["other"]


def test_inputs_are_random_and_the_same_each_time():
    seen = []

    def note(inputs):
        if not seen or inputs is not seen[-1]:
            seen.append(inputs)

    for _time in range(2):
        latency([Runner("a", "", note)], (1, 8, 8), budget_s=0.0)
    first, second = seen
    assert torch.equal(first, second)
    assert first.std() > 0.5


def test_threads_come_back_after_a_failure():
    def broken(inputs):
        raise RuntimeError("broken")

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(RuntimeError, match="broken"):
            latency([Runner("a", "", broken)], (1,))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_two_runners_of_one_name_are_refused():
    with pytest.raises(ValueError, match="name of its own"):
        latency([Runner("a", "", len), Runner("a", "", len)], (1,))


def test_a_runner_of_each_runtime_answers_as_the_network_in_evaluation_mode_and_leaves_it_alone():
    torch.manual_seed(0)
    model, inputs = MODELS["cnn"].function((1, 8, 8), 10, width=2), torch.randn(5, 1, 8, 8)
    model(torch.randn(64, 1, 8, 8))  # moves the norms' statistics, which evaluation mode uses
    with torch.no_grad():
        expected = model.eval()(inputs)
    model.train()
    runners = [eager("as it is", model), torchscript("frozen", model, (1, 8, 8))]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.inference_mode():
        for runner in runners:
            torch.testing.assert_close(runner.call(inputs), expected)
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    began = time.perf_counter()
    figures = latency(runners, (1, 8, 8), budget_s=0.02)
    took = 1000 * (time.perf_counter() - began)
    assert {name: told["runtime"] for name, told in figures.items()} == {
        "as it is": "PyTorch eager, fp32",
        "frozen": "TorchScript frozen, fp32",
    }
    assert all(0 < told["median"] <= told["p95"] <= took for told in figures.values())
