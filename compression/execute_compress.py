"""One compression told in order: for each seed the original, then the steps, the compact file, and last the test."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from compression import networks, stages
from compression.data.arrays import Dataset
from compression.export import compact
from compression.measure.layers import layer_table
from compression.measure.verdict import verdict
from compression.networks import Workspace
from compression.objective import build_objective
from compression.spec import CompressSpec
from compression.stages import Event, Progress
from compression.steps import STEPS
from compression.steps.state import State
from compression.texts import gettext as _
from compression.training import Teacher

CLAIM = "compressed loses at most {points:g} {unit}"


def compress(spec: CompressSpec, workspace: Workspace) -> Iterator[Event]:
    """Yield the events of a compression; the last is its result."""
    dataset = yield from stages.fetch_data(spec.dataset, workspace.device)
    progress = Progress()
    _plan(spec, dataset, workspace, progress)
    models: dict[str, dict[int, nn.Module]] = {"original": {}, "compressed": {}}
    architecture: dict[str, Any] = {}
    for index, seed in enumerate(spec.seeds, 1):
        original, architecture = yield from stages.obtain(
            spec.model,
            dataset,
            spec.dataset,
            spec.train,
            workspace,
            role="original",
            seed=seed,
            progress=progress,
            index=index,
            of=len(spec.seeds),
        )
        models["original"][seed] = original
        yield {"type": "layers", "role": "original", "seed": seed, "rows": layer_table(original, dataset.shape)}
        text = _("Compressing, seed {index} of {of}").format(index=index, of=len(spec.seeds))
        yield stages.stage("compress", text, role="compressed", seed=seed, index=index, of=len(spec.seeds))
        facts = networks.facts_of(architecture, dataset)
        compression = _Compression(spec, dataset, workspace, progress, seed, original)
        models["compressed"][seed] = yield from compression.run(facts)
    yield stages.stage("measure", _("Measuring on the test images"))
    yield {"type": "result", "result": _measure(spec, models, architecture, dataset, workspace)}


def apply_at_once(model: nn.Module, steps: list[dict[str, Any]]) -> State:
    """Return a copy of a network after all steps that do not train: compressed, before recovery."""
    state = State(copy.deepcopy(model))
    for step in steps:
        if not STEPS[step["name"]].traits.get("trains"):
            STEPS[step["name"]].function(state, **_knobs(step))
    return state


def _knobs(step: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in step.items() if key != "name"}


def _trainings(spec: CompressSpec) -> dict[int, dict[str, Any]]:
    """Return the steps that train, by their place."""
    return {place: step for place, step in enumerate(spec.steps) if STEPS[step["name"]].traits.get("trains")}


def _plan(spec: CompressSpec, dataset: Dataset, workspace: Workspace, progress: Progress) -> None:
    """Count all trainings beforehand, so that the progress of the whole run is known from the start."""
    recipe = stages.recipe_of(spec.train)
    from_run = "run" in spec.model
    if from_run:
        probe, _facts = networks.read(networks.find_artifact(spec.model, workspace), dataset)
    else:
        probe = networks.build(spec.model, dataset, seed=0)
    for seed in spec.seeds:
        key = networks.cache_key(spec.dataset, spec.model, spec.train, seed)
        if not from_run and networks.find_kept(key, workspace) is None:
            progress.plan(key, probe, dataset, recipe)
        for place, step in _trainings(spec).items():
            progress.plan(("compressed", seed, place), probe, dataset, replace(recipe, epochs=step["epochs"]))


class _Compression:
    """The steps of one seed."""

    def __init__(
        self, spec: CompressSpec, dataset: Dataset, workspace: Workspace, progress: Progress, seed: int, original: nn.Module
    ) -> None:
        self.spec, self.dataset, self.workspace, self.progress, self.seed = spec, dataset, workspace, progress, seed
        self.original = original
        self.path = workspace.folder / networks.artifact_name("compressed", seed)

    def run(self, facts: dict[str, Any]) -> Iterator[Event]:
        """Yield the events of all steps; return the network as it is read back from its compact file."""
        if self.path.exists():
            for place in _trainings(self.spec):
                self.progress.skip(("compressed", self.seed, place))
        else:
            yield from self._steps(facts)
        model, _facts = networks.read(self.path, self.dataset)
        header, _tensors = compact.read(self.path)
        rows = layer_table(model, self.dataset.shape, header["tensors"])
        yield {"type": "layers", "role": "compressed", "seed": self.seed, "rows": rows}
        return model.to(self.workspace.device)

    def _steps(self, facts: dict[str, Any]) -> Iterator[Event]:
        state = State(copy.deepcopy(self.original))
        trained = 0
        for place, step in enumerate(self.spec.steps):
            state.train = self._trainer(state.model, place, trained)
            events = STEPS[step["name"]].function(state, **_knobs(step))
            if events is not None:
                yield from events
                trained += step["epochs"]
        if not trained:
            yield stages.metric("compressed", self.seed, None, stages.evaluate(state.model, self.dataset))
        compact.write(self.path, state.contents(), facts)
        yield stages.artifact(self.path, "compressed", self.seed)

    def _trainer(self, model: nn.Module, place: int, first_epoch: int) -> Any:
        def train(*, epochs: int, lr: float, loss: dict[str, Any] | None) -> Iterator[Event]:
            yield from stages.run_training(
                model,
                self.dataset,
                replace(stages.recipe_of(self.spec.train), epochs=epochs, lr=lr),
                role="compressed",
                seed=self.seed,
                progress=self.progress,
                key=("compressed", self.seed, place),
                objective=build_objective(loss) if loss else None,
                teacher=Teacher(self.original, self.dataset),
                checkpoint=self._checkpoint(place),
                first_epoch=first_epoch,
            )

        return train

    def _checkpoint(self, place: int) -> Path:
        return self.workspace.folder / f"compressed-seed{self.seed}-step{place}.checkpoint"


def _measure(
    spec: CompressSpec,
    models: dict[str, dict[int, nn.Module]],
    architecture: dict[str, Any],
    dataset: Dataset,
    workspace: Workspace,
) -> dict[str, Any]:
    described, correct = {}, {}
    scores = {role: [stages.score(model, dataset) for model in by_seed.values()] for role, by_seed in models.items()}
    for role, evidence in (("original", "measured"), ("compressed", "file")):
        correct[role] = torch.stack([right for right, _chosen in scores[role]])
        described[role] = stages.describe(
            models[role], correct[role], dataset, workspace, role=role, architecture=architecture, evidence=evidence
        )
    rows = described["compressed"]["per_seed"]
    for row, (_right, chosen), (_original_right, original_chosen) in zip(
        rows, scores["compressed"], scores["original"], strict=True
    ):
        state = apply_at_once(models["original"][row["seed"]], spec.steps)
        row["before_recovery"] = float(stages.score(state.model, dataset)[0].float().mean())
        row["agreement"] = float((chosen == original_chosen).float().mean())
    for name in ("before_recovery", "agreement"):
        described["compressed"][name] = sum(row[name] for row in rows) / len(rows)
    stages.add_latency(described, {role: next(iter(by_seed.values())) for role, by_seed in models.items()}, dataset, workspace)
    points = 100 * spec.tolerance
    claim = CLAIM.format(points=points, unit="point" if points == 1 else "points")
    answer = verdict(correct["compressed"], correct["original"], claim=claim, tolerance=spec.tolerance)
    return {"models": described, "verdict": answer}
