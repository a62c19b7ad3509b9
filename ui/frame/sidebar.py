"""What the sidebar says about the machine and the queue; finds the device without loading torch."""

import functools
import os
import shutil
import subprocess
import sys

import streamlit as st

from compression.errors import LabError
from compression.texts import gettext as _
from ui.server import preload

ASK_GPU_TIMEOUT_S = 5
REFRESH_S = 10


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


def queue_text() -> str:
    """Return the state of the queue in a few words."""
    from compression.runs import store

    try:
        states = [run.state for run in store().runs(states=["queued", "running"])]
    except LabError as error:
        return str(error)
    if not states:
        return _("Queue: idle")
    counts = {"running": states.count("running"), "waiting": states.count("queued")}
    return _("Queue: {running} running, {waiting} waiting").format(**counts)


@st.fragment(run_every=REFRESH_S)
def queue_status() -> None:
    """Draw the queue's state and keep it fresh."""
    preload.visited.set()
    st.caption(f":material/list: {queue_text()}")


def draw() -> None:
    """Draw the device and the queue."""
    with st.container(gap="xxsmall"):
        st.caption(f":material/memory: {device_name()}")
        queue_status()
