"""One compression: for each seed the original, then the steps, the compact file, and last the test."""

import copy
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from compression import events, networks
from compression.evaluation import evaluate, score
from compression.events import Event
from compression.export import compact
from compression.lab import Lab, open_lab
from compression.measure.latency import latency
from compression.measure.layers import layer_table
from compression.measure.roles import describe
from compression.measure.verdict import distinct, verdict
from compression.networks import Workspace
from compression.objective import build_objective
from compression.recipe import RECIPE
from compression.spec import CompressSpec
from compression.steps import STEPS
from compression.steps.state import State
from compression.texts import gettext as _
from compression.training import Teacher

CLAIM = "compressed loses at most {points:g} {unit}"


def compress(spec: CompressSpec, workspace: Workspace) -> Iterator[Event]:
    """Yield the events of a compression; the last is its result."""
    lab = yield from open_lab(spec.dataset, workspace)
    _plan(spec, lab)
    models: dict[str, dict[int, nn.Module]] = {"original": {}, "compressed": {}}
    architecture: dict[str, Any] = {}
    for index, seed in enumerate(spec.seeds, 1):
        original, architecture = yield from lab.obtain(
            spec.model, spec.train, role="original", seed=seed, index=index, of=len(spec.seeds)
        )
        models["original"][seed] = original
        yield events.layers("original", seed, layer_table(original, lab.data.shape))
        text = _("Compressing, seed {index} of {of}").format(index=index, of=len(spec.seeds))
        yield events.stage("compress", text, role="compressed", seed=seed, index=index, of=len(spec.seeds))
        facts = networks.facts_of(architecture, lab.data)
        models["compressed"][seed] = yield from _Compression(spec, lab, seed, original).run(facts)
    yield events.stage("measure", _("Measuring on the test images"))
    yield events.result(_measure(spec, models, architecture, lab))


def apply_at_once(model: nn.Module, steps: list[dict[str, Any]]) -> State:
    """Return a copy of a network after all steps that do not train: compressed, before recovery."""
    state = State(copy.deepcopy(model))
    for step in steps:
        if not STEPS[step["name"]].traits.get("trains"):
            STEPS[step["name"]].bind(step)(state)
    return state


def _trainings(spec: CompressSpec) -> dict[int, dict[str, Any]]:
    """Return the steps that train, by their position among all steps."""
    return {position: step for position, step in enumerate(spec.steps) if STEPS[step["name"]].traits.get("trains")}


def _plan(spec: CompressSpec, lab: Lab) -> None:
    """Count all trainings beforehand, so that the progress of the whole run is known from the start."""
    recipe = RECIPE.bind(spec.train)()
    from_run = "run" in spec.model
    if from_run:
        probe, _facts = networks.read(networks.find_artifact(spec.model, lab.workspace), lab.data)
    else:
        probe = networks.build(spec.model, lab.data, seed=0)
    for seed in spec.seeds:
        key = networks.cache_key(spec.dataset, spec.model, spec.train, seed)
        if not from_run and networks.find_cached(key, lab.workspace) is None:
            lab.progress.plan(key, probe, lab.data, recipe)
        for position, step in _trainings(spec).items():
            lab.progress.plan(("compressed", seed, position), probe, lab.data, replace(recipe, epochs=step["epochs"]))


class _Compression:
    """The steps of one seed."""

    def __init__(self, spec: CompressSpec, lab: Lab, seed: int, original: nn.Module) -> None:
        self.spec, self.lab, self.seed, self.original = spec, lab, seed, original
        self.path = lab.path("compressed", seed)

    def run(self, facts: dict[str, Any]) -> Generator[Event, None, nn.Module]:
        """Yield the events of all steps; return the network as it is read back from its compact file."""
        if self.path.exists():
            for position in _trainings(self.spec):
                self.lab.progress.skip(("compressed", self.seed, position))
        else:
            yield from self._steps(facts)
        model, _facts = networks.read(self.path, self.lab.data)
        header, _tensors = compact.read(self.path)
        yield events.layers("compressed", self.seed, layer_table(model, self.lab.data.shape, header["tensors"]))
        return model.to(self.lab.workspace.device)

    def _steps(self, facts: dict[str, Any]) -> Iterator[Event]:
        state = State(copy.deepcopy(self.original))
        trained = 0
        for position, step in enumerate(self.spec.steps):
            state.train = self._trainer(state.model, position, trained)
            training = STEPS[step["name"]].bind(step)(state)
            if training is not None:
                yield from training
                trained += step["epochs"]
        if not trained:
            yield events.metric("compressed", self.seed, None, evaluate(state.model, self.lab.data))
        compact.write(self.path, state.contents(), facts)
        yield events.artifact(self.path, "compressed", self.seed)

    def _trainer(self, model: nn.Module, position: int, first_epoch: int) -> Any:
        def train(*, epochs: int, lr: float, loss: dict[str, Any] | None) -> Iterator[Event]:
            yield from self.lab.train(
                model,
                replace(RECIPE.bind(self.spec.train)(), epochs=epochs, lr=lr),
                role="compressed",
                seed=self.seed,
                key=("compressed", self.seed, position),
                objective=build_objective(loss) if loss else None,
                teacher=Teacher(self.original, self.lab.data),
                checkpoint=self.lab.checkpoint(f"compressed-seed{self.seed}-step{position}"),
                first_epoch=first_epoch,
            )

        return train


def _measure(
    spec: CompressSpec, models: dict[str, dict[int, nn.Module]], architecture: dict[str, Any], lab: Lab
) -> dict[str, Any]:
    described, correct = {}, {}
    scores = {role: [score(model, lab.data) for model in by_seed.values()] for role, by_seed in models.items()}
    for role, evidence in (("original", "measured"), ("compressed", "file")):
        correct[role] = torch.stack([right for right, _chosen in scores[role]])
        files = {seed: lab.path(role, seed) for seed in models[role]}
        described[role] = describe(
            models[role], files, correct[role], lab.data.shape, architecture=architecture, evidence=evidence
        )
    rows = described["compressed"]["per_seed"]
    for row, (_right, chosen), (_original_right, original_chosen) in zip(
        rows, scores["compressed"], scores["original"], strict=True
    ):
        state = apply_at_once(models["original"][row["seed"]], spec.steps)
        row["before_recovery"] = float(score(state.model, lab.data)[0].float().mean())
        row["agreement"] = float((chosen == original_chosen).float().mean())
    for name in ("before_recovery", "agreement"):
        described["compressed"][name] = sum(row[name] for row in rows) / len(rows)
    timed = {role: next(iter(by_seed.values())) for role, by_seed in models.items()}
    for role, figures in latency(timed, lab.data.shape, device=lab.workspace.device).items():
        described[role]["latency_ms"] = figures
    points = 100 * spec.tolerance
    claim = CLAIM.format(points=points, unit="point" if points == 1 else "points")
    originals, compressed = list(models["original"].values()), list(models["compressed"].values())
    counted = distinct(originals, compressed)
    fixed = "original" if len(distinct(originals)) == 1 else None
    answer = verdict(
        correct["compressed"][counted], correct["original"][counted], claim=claim, tolerance=spec.tolerance, fixed=fixed
    )
    return {"models": described, "verdict": answer}
