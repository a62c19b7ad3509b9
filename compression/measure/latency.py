"""Latency: networks timed in blocks of calls in turn, so that whatever slows the machine down slows them all."""

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from compression.measure.runners import Runner

# After another network's block the caches hold its weights and activations: the first calls are not timed.
DROPPED_CALLS = 3
FEWEST_CALLS = 4
BLOCK_SECONDS = 0.01
FEWEST_BLOCKS = 6  # the fewest whose ratios have an interval of 95 %
MOST_BLOCKS = 200


def latency(
    runners: Sequence[Runner],
    shape: tuple[int, ...],
    *,
    device: str = "cpu",
    batch_size: int = 1,
    threads: int = 1,
    budget_s: float = 0.3,
    alike: Mapping[str, Hashable] | None = None,
) -> dict[str, dict[str, Any]]:
    """Return for each runner the median and the 95th percentile of a call, in milliseconds.

    Networks take turns in blocks of calls, as a network that is in use is called again and again: timed call by call, a small
    network beside a large one would find its weights evicted from the cache each time. The first calls of each block do not
    count. Inputs are random, since zeros are multiplied faster on some processors. Weights that are zero or on a coarse grid
    are multiplied like any others: nothing here is faster for being simulated.

    Args:
        runners: on the device, each under a name of its own; those of several runtimes can take turns.
        shape: of one example, (C, H, W).
        threads: CPU threads that the calls may use; the process's own number is restored.
        budget_s: seconds for each runner; each has at least six blocks.
        alike: by name; runners of the same value run networks of the same structure: their calls are counted together, since
            two figures would only show what else the machine did.

    Returns:
        By name: median, p95 (milliseconds), blocks (the median of each turn's calls, in order), batch_size, runtime, threads,
        device, simulated.
    """
    wait = torch.cuda.synchronize if torch.device(device).type == "cuda" else _nothing
    inputs = torch.randn(batch_size, *shape, generator=torch.Generator().manual_seed(0)).to(device)
    if len({runner.name for runner in runners}) < len(runners):
        raise ValueError("each runner needs a name of its own")
    with _threads(threads), torch.inference_mode():
        times = _in_turn(runners, inputs, wait, budget_s * len(runners))
    facts = {"batch_size": batch_size, "threads": threads, "device": str(device), "simulated": False}
    typical = _typical(times, alike or {})
    return {runner.name: {**typical[runner.name], "runtime": runner.runtime, **facts} for runner in runners}


def _in_turn(runners: Sequence[Runner], inputs: Tensor, wait: Callable[[], None], seconds: float) -> dict[str, list[list[float]]]:
    """Return by name the milliseconds of a runner's calls, a list a turn, of about so many seconds for all."""
    times: dict[str, list[list[float]]] = {runner.name: [] for runner in runners}
    started = time.perf_counter()
    for turn in range(MOST_BLOCKS):
        if turn >= FEWEST_BLOCKS and time.perf_counter() - started > seconds:
            break
        for runner in runners:
            times[runner.name].append(_block(runner.call, inputs, wait))
    return times


def _typical(times: Mapping[str, list[list[float]]], alike: Mapping[str, Hashable]) -> dict[str, dict[str, Any]]:
    """Return by name the figures of a runner's calls, milliseconds by turn, and of those that are alike."""
    found = {}
    for name in times:
        together = [own for other, own in times.items() if alike.get(other, other) == alike.get(name, name)]
        turns = [np.concatenate(turn) for turn in zip(*together, strict=True)]
        calls, blocks = np.concatenate(turns), [float(f"{np.median(turn):.4g}") for turn in turns]
        found[name] = {"median": float(np.median(calls)), "p95": float(np.percentile(calls, 95)), "blocks": blocks}
    return found


def _nothing() -> None:
    """Wait for nothing: CPU calls return when they are done."""


def _block(call: Callable[[Tensor], object], inputs: Tensor, wait: Callable[[], None]) -> list[float]:
    """Return the milliseconds of each call of a block that counts."""
    for _call in range(DROPPED_CALLS):
        call(inputs)
    times: list[float] = []
    spent = 0.0
    while len(times) < FEWEST_CALLS or spent < 1000 * BLOCK_SECONDS:
        wait()
        before = time.perf_counter()
        call(inputs)
        wait()
        times.append(1000 * (time.perf_counter() - before))
        spent += times[-1]
    return times


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
