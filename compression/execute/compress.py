"""One compression: for each seed the original, then the steps, the compact file, and last the test."""

import functools
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import torch

from compression import events, networks
from compression.checkpoint import restore_checkpoint, save_checkpoint
from compression.compared import compared
from compression.evaluation import evaluate, score
from compression.events import Event
from compression.execute.claims import LOSES, within
from compression.execute.looks import looks
from compression.execute.precision import settle
from compression.export import compact
from compression.given import is_given
from compression.hooks import Hooks
from compression.lab import Lab, open_lab
from compression.measure.convergence import OUTCOMES
from compression.measure.layers import layer_table
from compression.measure.roles import add_agreement, add_latency, describe, image_counts
from compression.measure.verdict import verdict
from compression.networks import Network, Workspace
from compression.objective import build_objective
from compression.recipe import RECIPE
from compression.spec import CompressSpec
from compression.steps import STEPS, snapshot
from compression.steps.at_once import at_once
from compression.steps.state import State
from compression.teacher import Teacher
from compression.texts import gettext as _

Networks = dict[str, dict[int, Network]]


def compress(spec: CompressSpec, workspace: Workspace) -> Iterator[Event]:
    """Yield the events of a compression; the last is its result."""
    lab = yield from open_lab(spec.dataset, workspace)
    spec, precision = yield from settle(spec, lab)
    seeds = _seeds(spec)
    _plan(spec, seeds, lab)
    everyone: Networks = {"original": {}, "compressed": {}}
    for index, seed in enumerate(seeds, 1):
        original = yield from lab.obtain(spec.model, spec.train, role="original", seed=seed, index=index, of=len(seeds))
        everyone["original"][seed] = original
        yield events.layers("original", seed, layer_table(original.model, lab.data.shape))
        text = _("Compressing, seed {index} of {of}").format(index=index, of=len(seeds))
        yield events.stage("compress", text, role="compressed", seed=seed, index=index, of=len(seeds))
        everyone["compressed"][seed] = yield from _Compression(spec, lab, seed, original).run()
    yield events.stage("measure", _("Measuring on the test images"))
    yield events.result({**_measure(spec, everyone, lab), **precision})


def apply_at_once(original: Network, steps: Sequence[dict[str, Any]]) -> State:
    """Return a copy of a network after what the steps do without training: compressed, before recovery."""
    state = networks.state_of(original)
    for step in at_once(steps):
        STEPS[step["name"]].bind(step)(state)
    return state


def _seeds(spec: CompressSpec) -> list[int]:
    """Return the seeds that lead to different networks: one where the original is one network and nothing is trained."""
    return spec.seeds[:1] if is_given(spec.model) and not _trainings(spec) else spec.seeds


def _trainings(spec: CompressSpec) -> dict[int, dict[str, Any]]:
    """Return the steps that train, by their position among all steps."""
    return {position: step for position, step in enumerate(spec.steps) if STEPS[step["name"]].traits.get("trains")}


def _plan(spec: CompressSpec, seeds: Sequence[int], lab: Lab) -> None:
    """Count all trainings beforehand, so that the progress of the whole run is known from the start."""
    recipe = RECIPE.bind(spec.train)()
    there = is_given(spec.model)
    probe = lab.given(spec.model) if there else networks.build(spec.model, lab.data, seed=0)
    for seed in seeds:
        key = networks.cache_key(spec.dataset, spec.model, spec.train, seed)
        if not there and networks.find_cached(key, lab.workspace) is None:
            lab.progress.plan(key, probe, lab.data, recipe)
        for position, step in _trainings(spec).items():
            lab.progress.plan(("compressed", seed, position), probe, lab.data, replace(recipe, epochs=step["epochs"]))


class _Compression:
    """The steps of one seed."""

    def __init__(self, spec: CompressSpec, lab: Lab, seed: int, original: Network) -> None:
        self.spec, self.lab, self.seed, self.original = spec, lab, seed, original
        self.path = lab.path("compressed", seed)
        self.teacher = Teacher(original.model, original.data, looks=looks(spec))
        self.teacher.validation_choice = original.validation_logits.argmax(1)

    def run(self) -> Generator[Event, None, Network]:
        """Yield the events of all steps; return the network as it is read back from its compact file."""
        if self.path.exists():
            for position in _trainings(self.spec):
                self.lab.progress.skip(("compressed", self.seed, position))
        else:
            yield from self._steps()
        network = self.lab.read(self.path)
        header, _tensors = compact.read(self.path)
        yield events.layers("compressed", self.seed, layer_table(network.model, self.lab.data.shape, header["tensors"]))
        return network

    def _steps(self) -> Iterator[Event]:
        state, between = networks.state_of(self.original), self.lab.checkpoint(f"compressed-seed{self.seed}-steps")
        reached = restore_checkpoint(between, self.lab.workspace.device, lambda content: _go_on(state, content))
        if reached is None:
            state, reached = networks.state_of(self.original), {"position": 0, "trained": 0, "ended": None}
        for position in list(_trainings(self.spec)):
            if position < reached["position"]:
                self.lab.progress.skip(("compressed", self.seed, position))
        for position, step in list(enumerate(self.spec.steps))[reached["position"] :]:
            state.train = self._trainer(state, position, reached["trained"])
            state.file_bytes = functools.partial(self._file_bytes, position=position)
            earlier, state.stopped = state.stopped, None
            training = STEPS[step["name"]].bind(step)(state)
            ended = None if training is None else (yield from training)
            epochs = (state.stopped or step).get("epochs", 0)
            state.stopped = state.stopped or earlier
            if training is not None:
                reached = {"position": position + 1, "trained": reached["trained"] + epochs, "ended": ended}
                save_checkpoint(between, {**snapshot.to_content(state), "reached": reached})
        if not reached["trained"]:
            yield events.metric("compressed", self.seed, None, evaluate(state.model, self.original.data))
        compact.write(self.path, state.contents(), self._facts(state, convergence=reached["ended"], stopped=state.stopped))
        between.unlink(missing_ok=True)
        yield events.artifact(self.path, "compressed", self.seed)

    def _trainer(self, state: State, position: int, first_epoch: int) -> Any:
        def train(
            changes: dict[str, Any], objective: dict[str, Any] | None = None, **hooks: Any
        ) -> Generator[Event, None, str | None]:
            recipe = replace(RECIPE.bind(self.spec.train)(), **changes)
            if state.edits != self.original.facts.get("edits", ()):  # it is no longer as large as was planned
                self.lab.progress.plan(("compressed", self.seed, position), state.model, self.original.data, recipe)
            return self.lab.train(
                state.model,
                recipe,
                role="compressed",
                seed=self.seed,
                key=("compressed", self.seed, position),
                objective=build_objective(objective) if objective else None,
                teacher=self.teacher,
                checkpoint=self.lab.checkpoint(f"compressed-seed{self.seed}-step{position}"),
                first_epoch=first_epoch,
                data=self.original.data,
                hooks=Hooks(**hooks),
            )

        return train

    def _facts(self, state: State, **more: Any) -> dict[str, Any]:
        given = {name: value for name, value in more.items() if value is not None}
        return networks.compressed_facts(self.original.facts, self.spec.steps, state) | given

    def _file_bytes(self, state: State, facts: Mapping[str, Any], *, position: int) -> int:
        """Return the most bytes that a state's file can have after the steps that follow, whatever is said of its convergence."""
        state = state.copy()
        for step in at_once(self.spec.steps[position + 1 :]):
            STEPS[step["name"]].bind(step)(state)
        contents = state.contents()
        return max(compact.size(contents, self._facts(state, **facts, convergence=ended)) for ended in (None, *OUTCOMES))


def _go_on(state: State, content: dict[str, Any]) -> dict[str, Any]:
    """Set a state to what it was between two steps; return how far it was."""
    snapshot.from_content(state, content)
    return content["reached"]


def _measure(spec: CompressSpec, everyone: Networks, lab: Lab) -> dict[str, Any]:
    scores = {role: [score(network.model, network.data) for network in by_seed.values()] for role, by_seed in everyone.items()}
    if is_given(spec.model):
        everyone = {**everyone, "original": dict(list(everyone["original"].items())[:1])}
    described, correct = {}, {}
    for role, evidence in (("original", "measured"), ("compressed", "file")):
        correct[role] = torch.stack([right for right, _chosen in scores[role]][: len(everyone[role])])
        files = {seed: lab.path(role, seed) for seed in everyone[role]}
        described[role] = describe(everyone[role], files, correct[role], evidence=evidence)
    add_agreement(
        described["compressed"],
        [chosen for _right, chosen in scores["compressed"]],
        [chosen for _right, chosen in scores["original"]],
    )
    _add_before_recovery(described["compressed"], spec, everyone)
    add_latency(described, everyone, lab.workspace.device)
    answer = verdict(
        correct["compressed"],
        correct["original"],
        claim=within(LOSES, spec.tolerance),
        tolerance=spec.tolerance,
        fixed="original" if is_given(spec.model) else None,
    )
    layers = _layers_compared(spec, everyone)
    told = {"images": image_counts(lab.data), **({"compared": layers} if layers else {}), "timing": lab.progress.timing}
    return {"models": described, "verdict": answer, **told}


def _layers_compared(spec: CompressSpec, everyone: Networks) -> list[dict[str, Any]]:
    """Return which layers of compressed network and original the losses of each training step compared."""
    original, found = next(iter(everyone["original"].values())), []
    for position, step in _trainings(spec).items():
        if step.get("loss") and (objective := build_objective(step["loss"])).looks_inside:
            student = apply_at_once(original, spec.steps[:position]).model
            rows = compared(objective, student, original.model, original.data)
            found += [{"role": "compressed", "teacher": "original", "step": position + 1, **row} for row in rows]
    return found


def _add_before_recovery(described: dict[str, Any], spec: CompressSpec, everyone: Networks) -> None:
    """Add to each seed and to the role the accuracy on test and validation images after the steps that do not train."""
    originals = everyone["original"]
    for row in described["per_seed"]:
        original = originals.get(row["seed"]) or next(iter(originals.values()))
        model = apply_at_once(original, spec.steps).model
        row["before_recovery"] = float(score(model, original.data)[0].float().mean())
        if stopped := everyone["compressed"][row["seed"]].facts.get("stopped"):
            row["stopped"] = stopped
        row["before_recovery_validation"] = evaluate(model, original.data)["val_accuracy"]
    for name in ("before_recovery", "before_recovery_validation"):
        described[name] = fmean(row[name] for row in described["per_seed"])
