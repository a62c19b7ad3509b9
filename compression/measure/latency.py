"""Latency: networks timed in turn, so that whatever slows the machine down slows them all."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

WARMUP_CALLS = 3
FEWEST_ROUNDS = 10
MOST_ROUNDS = 2000
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

    Networks are warmed up, then called in turn, one call each a round, until the budget is spent. Weights that are zero or
    on a coarse grid are multiplied like any others: nothing here is faster for being simulated.

    Args:
        models: on the device, by role.
        shape: of one example, (C, H, W).
        threads: CPU threads that the calls may use; the process's own number is restored.
        budget_s: seconds for each network; at least ten rounds are run.

    Returns:
        By role: median, p95 (milliseconds), batch_size, runtime, threads, device, simulated.
    """
    wait = torch.cuda.synchronize if torch.device(device).type == "cuda" else _nothing
    inputs = torch.zeros(batch_size, *shape, device=device)
    with _ready(list(models.values()), threads):
        for model in models.values():
            for _call in range(WARMUP_CALLS):
                model(inputs)
        times = _rounds(list(models.values()), inputs, wait, budget_s * len(models))
    facts = {"batch_size": batch_size, "runtime": RUNTIME, "threads": threads, "device": str(device), "simulated": False}
    return {
        name: {"median": float(np.median(taken)), "p95": float(np.percentile(taken, 95)), **facts}
        for name, taken in zip(models, times, strict=True)
    }


def _nothing() -> None:
    """Wait for nothing: CPU calls return when they are done."""


def _rounds(models: list[nn.Module], inputs: torch.Tensor, wait: Callable[[], None], budget_s: float) -> list[list[float]]:
    """Return each network's times in milliseconds."""
    times: list[list[float]] = [[] for _model in models]
    started = time.perf_counter()
    for round_number in range(MOST_ROUNDS):
        if round_number >= FEWEST_ROUNDS and time.perf_counter() - started > budget_s:
            break
        for model, taken in zip(models, times, strict=True):
            wait()
            before = time.perf_counter()
            model(inputs)
            wait()
            taken.append(1000 * (time.perf_counter() - before))
    return times


@contextmanager
def _ready(models: list[nn.Module], threads: int) -> Iterator[None]:
    """Put networks in evaluation mode and pin the threads; put everything back afterwards."""
    training = {module: module.training for model in models for module in model.modules()}
    threads_before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for model in models:
            model.eval()
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(threads_before)
        for module, was_training in training.items():
            module.training = was_training
