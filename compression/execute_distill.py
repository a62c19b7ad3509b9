"""One distillation told in order: data, teacher, then for each seed the student alone and with the teacher, then the test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from compression import networks, stages
from compression.data.arrays import Dataset
from compression.export import weights
from compression.measure.verdict import verdict
from compression.networks import Workspace
from compression.objective import build_objective
from compression.spec import DistillSpec
from compression.stages import Event, Progress
from compression.texts import gettext as _
from compression.training import Teacher

CLAIM = "student > baseline"


def distill(spec: DistillSpec, workspace: Workspace) -> Iterator[Event]:
    """Yield the events of a distillation; the last is its result."""
    dataset = yield from stages.fetch_data(spec.dataset, workspace.device)
    roles = ("baseline", "student") if spec.baseline else ("student",)
    progress = Progress()
    recipe = stages.recipe_of(spec.train)
    probe = networks.build(spec.student, dataset, seed=0)
    for role in roles:
        for seed in spec.seeds:
            progress.plan((role, seed), probe, dataset, recipe)
    teacher, teacher_architecture = yield from stages.obtain(
        spec.teacher,
        dataset,
        spec.dataset,
        stages.teacher_recipe(spec.dataset, spec.teacher_train),
        workspace,
        role="teacher",
        seed=spec.teacher.get("seed", 0),
        progress=progress,
    )
    taught_by = Teacher(teacher, dataset)
    models: dict[str, dict[int, nn.Module]] = {role: {} for role in roles}
    for index, seed in enumerate(spec.seeds, 1):
        for role in roles:
            text = _("{role}, seed {index} of {of}").format(role=_(role).capitalize(), index=index, of=len(spec.seeds))
            yield stages.stage(role, text, role=role, seed=seed, index=index, of=len(spec.seeds))
            models[role][seed] = yield from _student(spec, dataset, workspace, taught_by, progress, role=role, seed=seed)
    yield stages.stage("measure", _("Measuring on the test images"))
    everyone = {"teacher": {spec.teacher.get("seed", 0): teacher}, **models}
    architectures = {"teacher": teacher_architecture, "baseline": spec.student, "student": spec.student}
    yield {"type": "result", "result": _measure(everyone, architectures, dataset, workspace)}


def _student(
    spec: DistillSpec, dataset: Dataset, workspace: Workspace, teacher: Teacher, progress: Progress, *, role: str, seed: int
) -> Iterator[Event]:
    path = workspace.folder / networks.artifact_name(role, seed)
    if path.exists():
        progress.skip((role, seed))
    else:
        yield from _train(spec, dataset, workspace, teacher, progress, role=role, seed=seed, path=path)
    model, _facts = networks.read(path, dataset)
    return model.to(workspace.device)


def _train(
    spec: DistillSpec,
    dataset: Dataset,
    workspace: Workspace,
    teacher: Teacher,
    progress: Progress,
    *,
    role: str,
    seed: int,
    path: Path,
) -> Iterator[Event]:
    model = networks.build(spec.student, dataset, seed=seed).to(workspace.device)
    yield from stages.run_training(
        model,
        dataset,
        stages.recipe_of(spec.train),
        role=role,
        seed=seed,
        progress=progress,
        key=(role, seed),
        objective=build_objective(spec.loss) if role == "student" else None,
        teacher=teacher,
        checkpoint=workspace.folder / f"{role}-seed{seed}.checkpoint",
    )
    weights.save(path, model, networks.facts_of(spec.student, dataset))
    yield stages.artifact(path, role, seed)


def _measure(
    models: dict[str, dict[int, nn.Module]],
    architectures: dict[str, dict[str, Any]],
    dataset: Dataset,
    workspace: Workspace,
) -> dict[str, Any]:
    described, correct = {}, {}
    scores = {role: [stages.score(model, dataset) for model in by_seed.values()] for role, by_seed in models.items()}
    teacher_choice = scores["teacher"][0][1]
    for role, by_seed in models.items():
        correct[role] = torch.stack([right for right, _chosen in scores[role]])
        described[role] = stages.describe(by_seed, correct[role], dataset, workspace, role=role, architecture=architectures[role])
        if role != "teacher":
            agreements = [float((chosen == teacher_choice).float().mean()) for _right, chosen in scores[role]]
            described[role]["agreement"] = sum(agreements) / len(agreements)
            for row, agreement in zip(described[role]["per_seed"], agreements, strict=True):
                row["agreement"] = agreement
    stages.add_latency(described, {role: next(iter(by_seed.values())) for role, by_seed in models.items()}, dataset, workspace)
    answer = verdict(correct["student"], correct["baseline"], claim=CLAIM) if "baseline" in correct else None
    return {"models": described, "verdict": answer}
