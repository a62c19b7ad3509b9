"""Which layers the networks of a distillation were compared in: found by asking the scheme again, without training."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from compression import compared
from compression.adaptation import adapted
from compression.execute.students import Students
from compression.objective import Given, Loss, build_objective
from compression.schemes import SCHEMES, Events, Learner, learns_elsewhere


def layers_compared(students: Students) -> list[dict[str, Any]]:
    """Return which layers losses compared, by the `role` that learned and the one it learned from, `teacher`.

    Nothing is trained, so that a run that was resumed says the same as one that nothing interrupted.
    """
    lab = _Untrained(students, [])
    for _event in SCHEMES.bind(students.spec.scheme)(lab):
        pass
    return lab.found


@dataclass
class _Known:
    """A network that teaches, and its role."""

    role: str
    model: nn.Module


@dataclass
class _Untrained:
    """The `lab` of a scheme in which nothing is trained and what losses compare is noted."""

    run: Students
    found: list[dict[str, Any]]

    def obtain(self, role: str) -> Generator[dict[str, Any], None, _Known | None]:
        yield from ()
        networks = self.run.everyone.get(role)
        if not networks:
            return None
        first = next(iter(networks.values()))
        return _Known(role, adapted(first.model, first.data) if learns_elsewhere(self.run.spec) else first.model)

    def students(self, train: Callable[[Learner], Events], *, teacher: _Known | None = None) -> Events:
        yield from train(self.run.begin("student", self.run.spec.seeds[0], 0.0, "student"))

    def as_teacher(self, learner: Learner) -> _Known:
        return _Known(learner.role, learner.model)

    def inherit(self, learner: Learner, teacher: _Known, what: str) -> None:
        """Change nothing: what a student inherits are weights, and no layers."""

    def reuse_classifier(self, learner: Learner, teacher: _Known, *, factor: int) -> None:
        self.run.reuse_classifier(learner, teacher, factor=factor)

    def add_exits(self, learner: Learner, *, most: int) -> list[Any]:
        return self.run.add_exits(learner, most=most)

    def train(
        self,
        learner: Learner,
        *,
        teacher: _Known | None,
        loss: Loss | None = None,
        needs: Sequence[str] = (),
        labels: float = 1.0,
    ) -> Events:
        yield from ()
        if teacher is None:
            return
        spec, data = self.run.spec, self.run.lab.data
        objective = Given(loss, tuple(needs), labels) if loss else build_objective(spec.loss, spec.label_weight)
        rows = compared.compared(objective, learner.model, teacher.model, data, spec.scheme["name"])
        self.found += [{"role": learner.role, "teacher": teacher.role, **row} for row in rows]

    def train_on_generated(self, learner: Learner, **_how: Any) -> Events:
        yield from ()

    def train_together(self, learners: Sequence[Learner], loss: Any) -> Events:
        yield from ()
