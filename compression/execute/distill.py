"""One distillation: data, what its scheme trains for each seed and the student alone, then the test."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from compression import events
from compression.evaluation import score
from compression.events import Event
from compression.execute.claims import BETTER, WITHIN, within
from compression.execute.compared import layers_compared
from compression.execute.precision import settle
from compression.execute.students import Students
from compression.lab import open_lab
from compression.measure.ensemble import describe_ensemble, ensemble
from compression.measure.roles import add_agreement, add_latency, add_unseen, describe, image_counts
from compression.measure.verdict import verdict
from compression.networks import Workspace
from compression.schemes import before, beside, learns_elsewhere, made_sizes, parts, rival, teacher_dataset
from compression.spec import DistillSpec
from compression.texts import gettext as _


def distill(spec: DistillSpec, workspace: Workspace) -> Iterator[Event]:
    """Yield the events of a distillation; the last is its result."""
    lab = yield from open_lab(spec.dataset, workspace)
    if learns_elsewhere(spec):
        yield from lab.bring(teacher_dataset(spec))
    spec, precision = yield from settle(spec, lab)
    students = Students(spec, lab, lab.data.first(spec.transfer["images"], spec.transfer.get("classes")))
    yield from students.run()
    yield events.stage("measure", _("Measuring on the test images"))
    yield events.result({**_measure(students), **precision})


def _measure(students: Students) -> dict[str, Any]:
    spec, lab = students.spec, students.lab
    elsewhere = before(spec) if learns_elsewhere(spec) else {}
    everyone = {role: by_seed for role, by_seed in students.everyone.items() if role not in elsewhere}
    scores = {role: [score(network.model, network.data) for network in by_seed.values()] for role, by_seed in everyone.items()}
    correct = {role: torch.stack([right for right, _chosen in rows]) for role, rows in scores.items()}
    files = {role: {seed: lab.path(role, seed) for seed in by_seed} for role, by_seed in everyone.items()}
    described = {role: describe(by_seed, files[role], correct[role]) for role, by_seed in everyone.items()}
    chosen = {role: [choice for _right, choice in rows] for role, rows in scores.items()}
    timed = dict(everyone)
    for role in (role for role in before(spec) if len(everyone.get(role, ())) > 1):
        described[role], right, choice = describe_ensemble(described[role], everyone[role], files[role])
        correct[role], chosen[role], timed[role] = right[None], [choice], {0: ensemble(everyone[role])}
    add_unseen(described, correct, lab.data.test.labels, spec.transfer.get("classes"))
    for role in students.roles:
        described[role]["lr"] = students.rates[role]["lr"]
        if "teacher" in chosen:
            reference = chosen["teacher"] if "teacher" in beside(spec) else chosen["teacher"][0]
            add_agreement(described[role], chosen[role], reference)
    for place, roles in (("beside", beside(spec)), ("part_of", parts(spec))):
        for role in roles:
            described[role] |= {"lr": students.rates["student"]["lr"], place: "student"}
    for role, made in made_sizes(spec).items():
        described[role]["made_images"] = made["batch"] * made["steps"] * spec.train["epochs"]
    add_latency(described, timed, lab.workspace.device)
    if "baseline" in described:
        described["baseline"]["cached_seeds"] = [seed for seed in spec.seeds if seed in students.cached]
    layers = layers_compared(students)
    classes = {"transfer_classes": spec.transfer["classes"]} if "classes" in spec.transfer else {}
    return {
        "models": described,
        "verdict": _better(correct, rival(spec), tuned=spec.tune is not None),
        "teacher_verdict": _within(correct, spec),
        "tuning": students.rates if spec.tune else None,
        **({"other_task": _of_another_task(students)} if elsewhere else {}),
        "images": {**image_counts(lab.data), "transfer": len(students.transfer.train), **classes},
        **({"compared": layers} if layers else {}),
        "timing": lab.progress.timing,
    }


def _of_another_task(students: Students) -> dict[str, Any]:
    """Return what a result says of a teacher of another task: all of it measured on images of its own."""
    dataset, lab, (role,) = teacher_dataset(students.spec), students.lab, before(students.spec)
    by_seed = students.everyone[role]
    correct = torch.stack([score(network.model, network.data)[0] for network in by_seed.values()])
    described = describe(by_seed, {seed: lab.path(role, seed) for seed in by_seed}, correct)
    return {"role": role, "dataset": dataset["name"], "images": image_counts(lab.on(dataset).data), "model": described}


def _better(correct: dict[str, Tensor], against: str, *, tuned: bool) -> dict[str, Any] | None:
    if against not in correct:
        return None
    found = verdict(correct["student"], correct[against], claim=BETTER.format(rival=against))
    # A network beside the student has the student's learning rate.
    return {**found, "tuned": tuned} if against == "baseline" else {**found, "tuned": False, "against": against}


def _within(correct: dict[str, Tensor], spec: DistillSpec) -> dict[str, Any] | None:
    if "teacher" not in correct:
        return None
    claim, fixed = within(WITHIN, spec.tolerance), None if "teacher" in beside(spec) else "teacher"
    return verdict(correct["student"], correct["teacher"], claim=claim, tolerance=spec.tolerance, fixed=fixed)
