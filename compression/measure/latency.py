"""Latency: networks timed in blocks of calls in turn, so that whatever slows the machine down slows them all."""

import time
from collections.abc import Callable, Iterator, Sequence
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
FEWEST_BLOCKS = 3
MOST_BLOCKS = 200


def latency(
    runners: Sequence[Runner],
    shape: tuple[int, ...],
    *,
    device: str = "cpu",
    batch_size: int = 1,
    threads: int = 1,
    budget_s: float = 0.3,
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
        budget_s: seconds for each runner; each has at least three blocks.

    Returns:
        By name: median, p95 (milliseconds), batch_size, runtime, threads, device, simulated.
    """
    wait = torch.cuda.synchronize if torch.device(device).type == "cuda" else _nothing
    inputs = torch.randn(batch_size, *shape, generator=torch.Generator().manual_seed(0)).to(device)
    times: dict[str, list[float]] = {runner.name: [] for runner in runners}
    if len(times) < len(runners):
        raise ValueError("each runner needs a name of its own")
    started = time.perf_counter()
    with _threads(threads), torch.inference_mode():
        for block in range(MOST_BLOCKS):
            if block >= FEWEST_BLOCKS and time.perf_counter() - started > budget_s * len(runners):
                break
            for runner in runners:
                times[runner.name] += _block(runner.call, inputs, wait)
    facts = {"batch_size": batch_size, "threads": threads, "device": str(device), "simulated": False}
    return {runner.name: {**_typical(times[runner.name]), "runtime": runner.runtime, **facts} for runner in runners}


def _typical(times: list[float]) -> dict[str, float]:
    return {"median": float(np.median(times)), "p95": float(np.percentile(times, 95))}


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
