"""The engine runs where no page library is installed, as on a GPU node, and loads nothing slow that it does not need."""

import json
import subprocess
import sys

PROGRAM = """
import importlib.abc, importlib.util, json, sys, tempfile
from pathlib import Path

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in {"torch._dynamo", "torchvision", "sklearn"} or name.split(".")[0] in {"streamlit", "plotly", "sqlalchemy"}:
            raise ModuleNotFoundError(name)

installed = importlib.util.find_spec("sklearn")
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: installed if name == "sklearn" else find_spec(name, *more)
sys.meta_path.insert(0, Absent())
from compression.execute import Workspace, execute
from compression.spec import parse

spec = parse({"kind": "distill", "seeds": [0], "train": {"epochs": 1}, "dataset": {"name": "digits", "train_images": 100},
              "teacher": {"name": "mlp"}, "teacher_train": {"epochs": 1}})
with tempfile.TemporaryDirectory() as name:
    root = Path(name)
    *_events, last = execute(spec, Workspace(root / "runs" / "one", root / "models", root / "runs"))
print(json.dumps(last["result"]["verdict"]))
"""


def test_a_run_needs_no_page_library_no_store_and_no_slow_import():
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert json.loads(ended.stdout)["seeds"] == 1
