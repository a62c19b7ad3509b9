"""What reporting costs: the default training with its events written to a store, against the same training unheard."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure, added_percent, alternate
from compression import networks
from compression.data.load import load_present
from compression.lab import Lab
from compression.networks import Workspace
from compression.recipe import RECIPE
from compression.runs.journal import Journal
from compression.runs.reporter import Reporter
from compression.runs.store import Store
from compression.settings import data_root
from compression.spec import parse

ROUNDS = 9


def measure() -> Iterator[Figure]:
    """Yield the share of training's CPU time that reporting takes."""
    dataset = load_present({"name": "digits", "train_images": None, "split_seed": 0}, data_root())
    recipe = RECIPE.function(epochs=40)

    def train(listen: Reporter | None) -> None:
        model = networks.build({"name": "cnn", "width": 2}, dataset, seed=0)
        lab = Lab(Workspace(Path(), Path(), Path()), {}, dataset)
        for event in lab.train(model, recipe, role="student", seed=0, key="one"):
            if listen is not None:
                listen.add(event)

    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder) / 'lab.db'}")
        spec = parse({"kind": "distill"})
        run_id = store.submit(spec.to_json(), spec.hash, spec.kind, owner="benchmark")
        store.claim("token", {"cpu": 1})
        train(None)

        def reported() -> None:
            reporter = Reporter(store, run_id, "token", lambda _lease: None, journal=Journal(Path(folder) / "journal"))
            reporter.start()
            train(reporter)
            reporter.close()

        heard, unheard = alternate(reported, lambda: train(None), rounds=ROUNDS, clock=time.process_time)
    yield Figure(
        "Cost of reporting",
        f"{added_percent(heard, unheard)} of training's CPU time",
        "under 3 %",
        f"digits, CNN 2, 40 epochs; paired ratios of {ROUNDS} rounds in turn, events written to a journal and to SQLite",
    )
