"""One distillation: data, teacher, then for each seed the student alone and with the teacher, then the test."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from compression import events, networks
from compression.data.arrays import Dataset
from compression.evaluation import score
from compression.events import Event
from compression.execute.claims import BETTER, WITHIN, within
from compression.execute.looks import looks
from compression.execute.shared import Trained, shared_baseline
from compression.execute.tuning import learning_rates, tuning_trainings
from compression.export import weights
from compression.lab import Lab, open_lab
from compression.measure.latency import latency
from compression.measure.roles import add_agreement, describe, image_counts
from compression.measure.runners import eager
from compression.measure.verdict import verdict
from compression.networks import Network, Workspace
from compression.objective import build_objective, check_comparison
from compression.recipe import RECIPE, Recipe, teacher_recipe
from compression.spec import DistillSpec
from compression.teacher import Teacher
from compression.texts import gettext as _

Networks = dict[str, dict[int, Network]]


def distill(spec: DistillSpec, workspace: Workspace) -> Iterator[Event]:
    """Yield the events of a distillation; the last is its result."""
    lab = yield from open_lab(spec.dataset, workspace)
    roles = ("baseline", "student") if spec.baseline else ("student",)
    transfer = lab.data.first(spec.transfer["images"], spec.transfer.get("classes"))
    students = _Students(spec, lab, transfer)
    students.plan(roles)
    teacher_seed = spec.teacher.get("seed", 0)
    recipe = teacher_recipe(spec.dataset, spec.teacher_train)
    teacher = yield from lab.obtain(spec.teacher, recipe, role="teacher", seed=teacher_seed)
    students.teacher = Teacher(teacher.model, replace(teacher.data, train=transfer.train), looks=looks(spec))
    students.teacher.validation_choice = teacher.validation_logits.argmax(1)
    check_comparison(build_objective(spec.loss), spec.student, teacher.architecture, spec.dataset["name"])
    rates = yield from learning_rates(spec, lab, roles, students.train)
    everyone: Networks = {"teacher": {teacher_seed: teacher}, **{role: {} for role in roles}}
    for index, seed in enumerate(spec.seeds, 1):
        for role in roles:
            text = _("{role}, seed {index} of {of}").format(role=_(role).capitalize(), index=index, of=len(spec.seeds))
            yield events.stage(role, text, role=role, seed=seed, index=index, of=len(spec.seeds))
            everyone[role][seed] = yield from students.obtain(role, seed, rates[role]["lr"])
    yield events.stage("measure", _("Measuring on the test images"))
    result = _measure(spec, everyone, rates, lab, len(transfer.train))
    if "classes" in spec.transfer:
        result["images"]["transfer_classes"] = spec.transfer["classes"]
    if "baseline" in roles:
        result["models"]["baseline"]["cached_seeds"] = [seed for seed in spec.seeds if seed in students.cached]
    yield events.result(result)


@dataclass
class _Students:
    """Trains the networks of one student's architecture, with the teacher (student) and without (baseline).

    Attributes:
        cached: the seeds of the baselines that an earlier run had trained.
    """

    spec: DistillSpec
    lab: Lab
    transfer: Dataset
    teacher: Teacher | None = None
    cached: set[int] = field(default_factory=set)

    def plan(self, roles: tuple[str, ...]) -> None:
        """Count all trainings beforehand, so that the progress of the whole run is known from the start."""
        probe = networks.build(self.spec.student, self.lab.data, seed=0)
        names = [f"{role}-seed{seed}" for role in roles for seed in self.spec.seeds]
        for name in [*names, *(training.name for training in tuning_trainings(self.spec, roles))]:
            self.lab.progress.plan(name, probe, self.transfer, self.recipe())

    def recipe(self, **changes: Any) -> Recipe:
        """Return the spec's recipe with some settings replaced."""
        return replace(RECIPE.bind(self.spec.train)(), **changes)

    def train(self, role: str, seed: int, lr: float, *, name: str) -> Generator[Event, None, Trained]:
        """Yield the events of one training; return the model and why it has not converged, or None.

        A baseline that an earlier run trained is taken from the cache, with its curve.

        Args:
            name: of its checkpoint, and in the progress.
        """
        if role != "baseline":
            return (yield from self._train(role, seed, lr, name=name))
        shared = shared_baseline(self.spec, self.lab.workspace.models, seed, lr)
        if shared.cached:
            self.lab.progress.skip(name)
            self.cached.add(seed)
            return (yield from shared.replay(self.lab.data, role=role, seed=seed))
        return (yield from shared.record(self._train(role, seed, lr, name=name), self.spec.student, self.lab.data))

    def _train(self, role: str, seed: int, lr: float, *, name: str) -> Generator[Event, None, Trained]:
        model = networks.build(self.spec.student, self.lab.data, seed=seed).to(self.lab.workspace.device)
        ended = yield from self.lab.train(
            model,
            self.recipe(lr=lr),
            role=role,
            seed=seed,
            key=name,
            objective=build_objective(self.spec.loss, self.spec.label_weight) if role == "student" else None,
            teacher=self.teacher,
            checkpoint=self.lab.checkpoint(name),
            data=self.transfer,
        )
        return model, ended

    def obtain(self, role: str, seed: int, lr: float) -> Generator[Event, None, Network]:
        """Yield events until a seed's network lies in its file; return it as it is read back."""
        path, name = self.lab.path(role, seed), f"{role}-seed{seed}"
        if path.exists():
            self.lab.progress.skip(name)
        else:
            model, ended = yield from self.train(role, seed, lr, name=name)
            shared = shared_baseline(self.spec, self.lab.workspace.models, seed, lr)
            if role == "baseline" and shared.network.exists():
                networks.place(shared.network, path)
            else:
                weights.save(path, model, networks.facts_of(self.spec.student, self.lab.data, convergence=ended))
            yield events.artifact(path, role, seed)
        return self.lab.read(path)


def _measure(spec: DistillSpec, everyone: Networks, rates: dict[str, Any], lab: Lab, transfer_images: int) -> dict[str, Any]:
    scores = {role: [score(network.model, network.data) for network in by_seed.values()] for role, by_seed in everyone.items()}
    correct = {role: torch.stack([right for right, _chosen in rows]) for role, rows in scores.items()}
    files = {role: {seed: lab.path(role, seed) for seed in by_seed} for role, by_seed in everyone.items()}
    described = {role: describe(by_seed, files[role], correct[role]) for role, by_seed in everyone.items()}
    for role in set(everyone) - {"teacher"}:
        described[role]["lr"] = rates[role]["lr"]
        add_agreement(described[role], [chosen for _right, chosen in scores[role]], scores["teacher"][0][1])
    timed = [eager(role, next(iter(by_seed.values())).model) for role, by_seed in everyone.items()]
    for role, figures in latency(timed, lab.data.shape, device=lab.workspace.device).items():
        described[role]["latency_ms"] = figures
    return {
        "models": described,
        "verdict": _better(correct, tuned=spec.tune is not None),
        "teacher_verdict": _within(correct, spec.tolerance),
        "tuning": rates if spec.tune else None,
        "images": {**image_counts(lab.data), "transfer": transfer_images},
        "timing": lab.progress.timing,
    }


def _better(correct: dict[str, Tensor], *, tuned: bool) -> dict[str, Any] | None:
    if "baseline" not in correct:
        return None
    return {**verdict(correct["student"], correct["baseline"], claim=BETTER), "tuned": tuned}


def _within(correct: dict[str, Tensor], tolerance: float) -> dict[str, Any]:
    return verdict(correct["student"], correct["teacher"], claim=within(WITHIN, tolerance), tolerance=tolerance, fixed="teacher")
