"""How benchmarks tell their figures: a median with its spread, and nothing where noise hides it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.distillation import Loops, Pictures, Sizes
from benchmarks.figures import added_percent, alternate, spread
from benchmarks.training_loop import photographs
from compression import augmentation


def test_a_figure_is_a_median_with_its_spread() -> None:
    assert spread([3.0, 1.0, 11.2], "ms", 1) == "3.0 ms (1.0 to 11.2)"
    assert spread([1000, 2000, 3000]) == "2,000 (1,000 to 3,000)"
    with pytest.raises(ValueError, match="three"):
        spread([1.0, 2.0])


def test_what_the_noise_hides_is_not_told_as_a_cost() -> None:
    unheard = [1.0] * 5
    assert added_percent([1.02, 1.01, 1.03, 1.02, 1.04], unheard) == "2.0 % (1.0 to 4.0)"
    assert added_percent([0.7, 1.4, 0.9, 0.81, 1.2], unheard).startswith("within the noise")


def test_jobs_take_turns_and_change_places() -> None:
    order: list[str] = []
    ticks = iter(range(100))
    first, second = alternate(lambda: order.append("a"), lambda: order.append("b"), rounds=3, clock=lambda: float(next(ticks)))
    assert "".join(order) == "baabba"
    assert first == second == [1.0] * 3


def test_the_tutorials_pictures_are_views_that_the_lab_draws() -> None:
    dataset = photographs(8)
    numbers = torch.arange(augmentation.views("shift_flip", 32))
    for place, (picture, label) in enumerate(Pictures(dataset)[index] for index in range(8)):
        views = augmentation.apply(dataset.train.inputs[[place]].expand(len(numbers), -1, -1, -1), "shift_flip", numbers)
        assert (dataset.normalize(views) - picture).abs().amax((1, 2, 3)).min() < 1e-5
        assert label == dataset.train.labels[place]


def test_both_loops_begin_with_the_same_students() -> None:
    both = Loops(photographs(8), Sizes(), {"name": "cnn", "width": 1}, torch.nn.Identity())
    first, same, other = (torch.nn.utils.parameters_to_vector(both.student_of(seed).parameters()) for seed in (3, 3, 4))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


PROGRAM = """
import importlib.abc, os, sys
from pathlib import Path

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"streamlit", "plotly"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
from benchmarks import distillation, gpu, sweeps, training_loop
from compression.sweep import parse_sweep

home, sizes = Path(os.environ["LAB_HOME"]), gpu.Sizes(run=64, epochs=1)
small, recipe = {"name": "cnn", "width": 1}, training_loop.RECIPE.function(epochs=1)
tiny = distillation.Sizes(batch_size=16, teacher_epochs=1, depths=(8, 8), width=1, workers=0)
figures = [
    *distillation.compare(training_loop.photographs(16), "random", tiny),
    *training_loop.compare("loop", training_loop.photographs(32), small, small, recipe),
    *training_loop.compare_precisions("loop", training_loop.photographs(16), small, small, recipe),
    gpu.teacher_to_enough("cpu"),
    gpu.same_numbers("cpu", sizes, home),
    gpu.too_little_memory("cpu", sizes),
]
for figure in figures:
    print(figure.name, "|", figure.value, flush=True)
print("cancel |", gpu._cancel(sizes, "cpu"))
sweep = parse_sweep({"kind": "sweep", "base": sweeps.WARM, "over": {"loss.alpha": [0.3, 0.9]}})
sweeps.apart([cell.spec for cell in sweep.cells()[:1]])
sweeps.together(sweep)
"""


def test_the_benchmark_of_gpus_runs_without_page_libraries(tmp_path: Path) -> None:
    environment = {**os.environ, "LAB_HOME": str(tmp_path), "LAB_DATA": str(tmp_path), "LAB_SUPERVISOR_IDLE_SECONDS": "1"}
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=240, env=environment
    )
    assert told.returncode == 0, told.stderr[-2000:]
    found = dict(line.split(" | ") for line in told.stdout.splitlines())
    assert found["The same spec twice"] == "the same weights in 3 of 3 networks"
    assert float(found["cancel"]) > 0
    loops = [value for name, value in found.items() if name.startswith("The lab's loop")]
    assert len(loops) == 2
    assert all(float(value.split(" x")[0]) > 0 for value in loops)
    assert len([name for name in found if name.startswith("Accuracy of its students")]) == 2
    assert len(found) == 13
