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


def test_figures_of_known_times(clock):
    log = []
    # Three warm-up calls of a second, then 0.001 to 0.010 s.
    ramp = [1, 1, 1, *(n / 1000 for n in range(1, 11))]
    models = {"a": Slow(clock, "a", ramp, log), "b": Slow(clock, "b", [0.1], log)}
    models["a"].train()
    threads = torch.get_num_threads()
    figures = latency(models, (1, 8, 8), batch_size=4, budget_s=0.2)
    assert figures["a"]["median"] == pytest.approx(5.5)
    assert figures["a"]["p95"] == pytest.approx(9.55)
    assert figures["b"]["median"] == pytest.approx(100)
    facts = {"batch_size": 4, "runtime": module.RUNTIME, "threads": 1, "device": "cpu", "simulated": False}
    assert figures["a"].items() >= facts.items()
    timed = log[6:]
    assert [name for name, *_rest in timed] == ["a", "b"] * 10
    assert {entry[1:] for entry in timed} == {((4, 1, 8, 8), 1)}
    assert torch.get_num_threads() == threads
    assert models["a"].training
    assert models["b"].training


def test_the_budget_ends_the_rounds_and_ten_are_the_fewest(clock):
    log = []
    latency({"a": Slow(clock, "a", [1 / 64], log), "b": Slow(clock, "b", [1 / 64], log)}, (1,), budget_s=0.5)
    assert len(log) == 2 * 3 + 2 * 33
    log.clear()
    latency({"a": Slow(clock, "a", [5.0], log)}, (1,), budget_s=0.5)
    assert len(log) == 3 + 10
    log.clear()
    latency({"a": Slow(clock, "a", [0.0], log)}, (1,))
    assert len(log) == 3 + module.MOST_ROUNDS


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
