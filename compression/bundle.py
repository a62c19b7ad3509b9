"""Make the trained networks that come with the lab, so that the first run starts at once: `python -m compression.bundle`.

Each is a safetensors file named by its cache key, with a JSON file beside it that says what it is and how it was made.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from compression import networks
from compression.data.arrays import Dataset
from compression.data.load import load_present
from compression.evaluation import evaluate
from compression.export import weights
from compression.recipe import RECIPE, teacher_recipe
from compression.settings import data_root
from compression.spec import CompressSpec, DistillSpec, parse
from compression.training import train

COMMAND = "python -m compression.bundle"


def bundled() -> Iterator[tuple[dict[str, Any], dict[str, Any], dict[str, Any], int]]:
    """Yield dataset, architecture, recipe and seed of each network that comes with the lab: those of the default specs."""
    distill, compress = parse({"kind": "distill"}), parse({"kind": "compress"})
    if isinstance(distill, DistillSpec) and isinstance(compress, CompressSpec):
        yield distill.dataset, distill.teacher, teacher_recipe(distill.dataset, None), 0
        for seed in compress.seeds:
            yield compress.dataset, compress.model, compress.train, seed


def make(folder: Path) -> None:
    """Train every bundled network and write it to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for dataset_choice, architecture, recipe, seed in bundled():
        dataset = load_present(dataset_choice, data_root())
        key = networks.cache_key(dataset_choice, architecture, recipe, seed)
        facts = {"dataset": dataset_choice, "architecture": architecture, "recipe": recipe, "seed": seed, "command": COMMAND}
        facts |= _train(folder / f"{key}.safetensors", dataset, architecture, recipe, seed)
        (folder / f"{key}.json").write_text(json.dumps(facts, indent=2) + "\n")
        print(json.dumps(facts), file=sys.stderr)


def _train(path: Path, dataset: Dataset, architecture: dict[str, Any], recipe: dict[str, Any], seed: int) -> dict[str, float]:
    model = networks.build(architecture, dataset, seed=seed)
    for _event in train(model, dataset, RECIPE.bind(recipe)(), seed=seed):
        pass
    weights.save(path, model.eval(), networks.facts_of(architecture, dataset))
    return evaluate(model, dataset)


if __name__ == "__main__":
    make(networks.BUNDLED)
