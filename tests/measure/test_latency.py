import time

import pytest
import torch
from torch import nn

from compression.measure import latency as module
from compression.measure.latency import latency


class Clock:
    """A clock that only networks move."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now


class Slow(nn.Module):
    def __init__(self, clock, name, seconds, log):
        super().__init__()
        self.clock, self.name, self.seconds, self.log = clock, name, list(seconds), log

    def forward(self, inputs):
        assert not self.training
        assert torch.is_inference_mode_enabled()
        self.log.append((self.name, tuple(inputs.shape), torch.get_num_threads()))
        self.clock.now += self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]
        return inputs


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_blocks_take_turns_and_their_first_calls_do_not_count(clock):
    log = []
    # In each block three calls of a second, then four that count: 0.010, 0.020, … 0.120 s over three blocks.
    ramp = [seconds for block in range(3) for seconds in (1, 1, 1, *((4 * block + n) / 100 for n in range(1, 5)))]
    models = {"a": Slow(clock, "a", ramp, log), "b": Slow(clock, "b", [0.1], log)}
    models["a"].train()
    threads = torch.get_num_threads()
    figures = latency(models, (1, 8, 8), batch_size=4, budget_s=0.2)
    assert figures["a"]["median"] == pytest.approx(65)
    assert figures["a"]["p95"] == pytest.approx(114.5)
    assert figures["b"]["median"] == pytest.approx(100)
    facts = {"batch_size": 4, "runtime": module.RUNTIME, "threads": 1, "device": "cpu", "simulated": False}
    assert figures["a"].items() >= facts.items()
    assert [name for name, *_rest in log] == (["a"] * 7 + ["b"] * 7) * 3
    assert {entry[1:] for entry in log} == {((4, 1, 8, 8), 1)}
    assert torch.get_num_threads() == threads
    assert models["a"].training
    assert models["b"].training


def test_a_block_of_a_quick_network_lasts_a_hundredth_of_a_second(clock):
    log = []
    latency({"quick": Slow(clock, "quick", [1 / 1024], log), "slow": Slow(clock, "slow", [1.0], log)}, (1,), budget_s=0.0)
    assert [name for name, *_rest in log] == (["quick"] * (3 + 11) + ["slow"] * (3 + 4)) * 3


def test_the_budget_ends_the_blocks(clock):
    log = []
    latency({"a": Slow(clock, "a", [1 / 64], log), "b": Slow(clock, "b", [1 / 64], log)}, (1,), budget_s=1.0)
    blocks = 10  # a turn of both takes 14 / 64 s, the tenth goes past two seconds
    assert len(log) == 2 * 7 * blocks


def test_inputs_are_random_and_the_same_each_time():
    class Records(nn.Module):
        def forward(self, inputs):
            seen.append(inputs)
            return inputs

    seen = []
    for _time in range(2):
        latency({"a": Records()}, (1, 8, 8), budget_s=0.0)
    assert all(torch.equal(inputs, seen[0]) for inputs in seen)
    assert seen[0].std() > 0.5


def test_threads_come_back_after_a_failure():
    class Broken(nn.Module):
        def forward(self, inputs):
            raise RuntimeError("broken")

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(RuntimeError, match="broken"):
            latency({"a": Broken()}, (1,))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_a_real_network():
    before = time.perf_counter()
    figures = latency({"net": nn.Linear(4, 4)}, (4,), budget_s=0.02)["net"]
    assert 0 < figures["median"] <= figures["p95"] <= 1000 * (time.perf_counter() - before)
