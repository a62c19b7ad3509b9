"""What this machine computes on, found without loading torch."""

import functools
import os
import shutil
import subprocess
import sys

from compression.texts import gettext as _

ASK_GPU_TIMEOUT_S = 5


@functools.cache
def gpu_name() -> str:
    """Return the name of the first NVIDIA GPU that runs may use, or nothing."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in {"", "-1"} or not shutil.which("nvidia-smi"):
        return ""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=ASK_GPU_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.partition("\n")[0].strip()


def cpu_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def device_name() -> str:
    """Return what runs compute on, for people: the GPU's name, or the CPU with its cores."""
    torch = sys.modules.get("torch")
    built_for_gpu = torch is None or getattr(torch, "version", None) is None or torch.version.cuda is not None
    cores = cpu_cores()
    cpu = _("{cores}-core CPU").format(cores=cores) if cores > 1 else _("one-core CPU")
    return (built_for_gpu and gpu_name()) or cpu
