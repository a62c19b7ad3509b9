"""Latency: networks timed in blocks of calls in turn, so that whatever slows the machine down slows them all."""

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from compression.evaluation import evaluating

# After another network's block the caches hold its weights and activations: the first calls are not timed.
DROPPED_CALLS = 3
FEWEST_CALLS = 4
BLOCK_SECONDS = 0.01
FEWEST_BLOCKS = 3
MOST_BLOCKS = 200
RUNTIME = "PyTorch eager, fp32"


def latency(
    models: Mapping[str, nn.Module],
    shape: tuple[int, ...],
    *,
    device: str = "cpu",
    batch_size: int = 1,
    threads: int = 1,
    budget_s: float = 0.3,
) -> dict[str, dict[str, Any]]:
    """Return for each network the median and the 95th percentile of a forward pass, in milliseconds.

    Networks take turns in blocks of calls, as a network that is in use is called again and again: timed call by call, a small
    network beside a large one would find its weights evicted from the cache each time. The first calls of each block do not
    count. Inputs are random, since zeros are multiplied faster on some processors. Weights that are zero or on a coarse grid
    are multiplied like any others: nothing here is faster for being simulated.

    Args:
        models: on the device, by role.
        shape: of one example, (C, H, W).
        threads: CPU threads that the calls may use; the process's own number is restored.
        budget_s: seconds for each network; each has at least three blocks.

    Returns:
        By role: median, p95 (milliseconds), batch_size, runtime, threads, device, simulated.
    """
    wait = torch.cuda.synchronize if torch.device(device).type == "cuda" else _nothing
    inputs = torch.randn(batch_size, *shape, generator=torch.Generator().manual_seed(0)).to(device)
    times: dict[str, list[float]] = {name: [] for name in models}
    started = time.perf_counter()
    with _threads(threads), evaluating(*models.values()), torch.inference_mode():
        for block in range(MOST_BLOCKS):
            if block >= FEWEST_BLOCKS and time.perf_counter() - started > budget_s * len(models):
                break
            for name, model in models.items():
                times[name] += _block(model, inputs, wait)
    facts = {"batch_size": batch_size, "runtime": RUNTIME, "threads": threads, "device": str(device), "simulated": False}
    return {
        name: {"median": float(np.median(taken)), "p95": float(np.percentile(taken, 95)), **facts}
        for name, taken in times.items()
    }


def as_built(model: nn.Module) -> nn.Module:
    """Return a copy in the layout of weights that PyTorch gives a network, in which people use it unless they change it."""
    return copy.deepcopy(model).to(memory_format=torch.contiguous_format)


def _nothing() -> None:
    """Wait for nothing: CPU calls return when they are done."""


def _block(model: nn.Module, inputs: Tensor, wait: Callable[[], None]) -> list[float]:
    """Return the milliseconds of each call of a block that counts."""
    for _call in range(DROPPED_CALLS):
        model(inputs)
    times: list[float] = []
    while len(times) < FEWEST_CALLS or sum(times) < 1000 * BLOCK_SECONDS:
        wait()
        before = time.perf_counter()
        model(inputs)
        wait()
        times.append(1000 * (time.perf_counter() - before))
    return times


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
