"""One distillation: data, teacher, then for each seed the student alone and with the teacher, then the test."""

from collections.abc import Generator, Iterator
from typing import Any

import torch
from torch import nn

from compression import events, networks
from compression.evaluation import score
from compression.events import Event
from compression.export import weights
from compression.lab import Lab, open_lab
from compression.measure.latency import latency
from compression.measure.roles import describe
from compression.measure.verdict import verdict
from compression.networks import Workspace
from compression.objective import build_objective
from compression.recipe import RECIPE, teacher_recipe
from compression.spec import DistillSpec
from compression.texts import gettext as _
from compression.training import Teacher

CLAIM = "student > baseline"


def distill(spec: DistillSpec, workspace: Workspace) -> Iterator[Event]:
    """Yield the events of a distillation; the last is its result."""
    lab = yield from open_lab(spec.dataset, workspace)
    roles = ("baseline", "student") if spec.baseline else ("student",)
    probe = networks.build(spec.student, lab.data, seed=0)
    for role in roles:
        for seed in spec.seeds:
            lab.progress.plan((role, seed), probe, lab.data, RECIPE.bind(spec.train)())
    teacher_seed = spec.teacher.get("seed", 0)
    recipe = teacher_recipe(spec.dataset, spec.teacher_train)
    teacher, teacher_architecture = yield from lab.obtain(spec.teacher, recipe, role="teacher", seed=teacher_seed)
    taught_by = Teacher(teacher, lab.data)
    models: dict[str, dict[int, nn.Module]] = {role: {} for role in roles}
    for index, seed in enumerate(spec.seeds, 1):
        for role in roles:
            text = _("{role}, seed {index} of {of}").format(role=_(role).capitalize(), index=index, of=len(spec.seeds))
            yield events.stage(role, text, role=role, seed=seed, index=index, of=len(spec.seeds))
            models[role][seed] = yield from _student(spec, lab, taught_by, role=role, seed=seed)
    yield events.stage("measure", _("Measuring on the test images"))
    everyone = {"teacher": {teacher_seed: teacher}, **models}
    architectures = {"teacher": teacher_architecture, "baseline": spec.student, "student": spec.student}
    yield events.result(_measure(everyone, architectures, lab))


def _student(spec: DistillSpec, lab: Lab, teacher: Teacher, *, role: str, seed: int) -> Generator[Event, None, nn.Module]:
    path = lab.path(role, seed)
    if path.exists():
        lab.progress.skip((role, seed))
    else:
        model = networks.build(spec.student, lab.data, seed=seed).to(lab.workspace.device)
        yield from lab.train(
            model,
            RECIPE.bind(spec.train)(),
            role=role,
            seed=seed,
            key=(role, seed),
            objective=build_objective(spec.loss) if role == "student" else None,
            teacher=teacher,
            checkpoint=lab.checkpoint(f"{role}-seed{seed}"),
        )
        weights.save(path, model, networks.facts_of(spec.student, lab.data))
        yield events.artifact(path, role, seed)
    model, _facts = networks.read(path, lab.data)
    return model.to(lab.workspace.device)


def _measure(models: dict[str, dict[int, nn.Module]], architectures: dict[str, dict[str, Any]], lab: Lab) -> dict[str, Any]:
    described, correct = {}, {}
    scores = {role: [score(model, lab.data) for model in by_seed.values()] for role, by_seed in models.items()}
    teacher_choice = scores["teacher"][0][1]
    for role, by_seed in models.items():
        correct[role] = torch.stack([right for right, _chosen in scores[role]])
        files = {seed: lab.path(role, seed) for seed in by_seed}
        described[role] = describe(by_seed, files, correct[role], lab.data.shape, architecture=architectures[role])
        if role != "teacher":
            agreements = [float((chosen == teacher_choice).float().mean()) for _right, chosen in scores[role]]
            described[role]["agreement"] = sum(agreements) / len(agreements)
            for row, agreement in zip(described[role]["per_seed"], agreements, strict=True):
                row["agreement"] = agreement
    timed = {role: next(iter(by_seed.values())) for role, by_seed in models.items()}
    for role, figures in latency(timed, lab.data.shape, device=lab.workspace.device).items():
        described[role]["latency_ms"] = figures
    answer = verdict(correct["student"], correct["baseline"], claim=CLAIM, fixed="teacher") if "baseline" in correct else None
    return {"models": described, "verdict": answer}
