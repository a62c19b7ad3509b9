"""Small engines for tests of the machinery around them: real generators in real processes, without training."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def counting(spec: dict[str, Any], folder: Path, device: str) -> Iterator[dict[str, Any]]:
    """Count `epochs` epochs of `pause` seconds, keeping a checkpoint each; the result depends on every epoch exactly once."""
    checkpoint = folder / "checkpoint.json"
    total, first = json.loads(checkpoint.read_text()) if checkpoint.exists() else (0, 0)
    yield {"type": "stage", "stage": "student", "role": "student", "seed": 0, "index": 1, "of": 1, "text": "Counting"}
    for epoch in range(first, spec.get("epochs", 5)):
        if spec.get("die_at") == epoch and first == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if spec.get("raise_at") == epoch:
            raise RuntimeError("a planted bug")
        total = (total * 31 + epoch + 1) % 1_000_003
        yield {"type": "metric", "role": "student", "seed": 0, "epoch": epoch, "values": {"train_loss": total}}
        waited = 0.0
        while waited < spec.get("pause", 0.0):
            time.sleep(0.05)
            waited += 0.05
            yield {"type": "progress", "fraction": epoch / spec["epochs"], "seconds_left": 1.0, "role": "student", "seed": 0}
        unfinished = folder / "checkpoint.tmp"
        unfinished.write_text(json.dumps((total, epoch + 1)))
        unfinished.replace(checkpoint)
    yield {"type": "result", "result": {"models": {"student": {"accuracy": total}}, "verdict": None, "pid": os.getpid()}}


def stuck(spec: dict[str, Any], folder: Path, device: str) -> Iterator[dict[str, Any]]:
    """Say one thing, then never come back by itself."""
    yield {"type": "stage", "stage": "data", "text": "Downloading"}
    time.sleep(3600)


def deaf(spec: dict[str, Any], folder: Path, device: str) -> Iterator[dict[str, Any]]:
    """Compute in one long call that no signal reaches, as native code does."""
    yield {"type": "stage", "stage": "data", "text": "Computing"}
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    time.sleep(3600)


def counted(epochs: int) -> int:
    """Return what `counting` comes to, undisturbed."""
    total = 0
    for epoch in range(epochs):
        total = (total * 31 + epoch + 1) % 1_000_003
    return total
