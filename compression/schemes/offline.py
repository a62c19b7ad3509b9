"""Offline distillation: a trained teacher and students that learn from it."""

from compression.distillation import teacher_free
from compression.schemes import SCHEMES, Events, Lab
from compression.texts import mark as _


@SCHEMES.register(
    title=_("Offline: a trained teacher"),
    source="Hinton, Vinyals & Dean 2015, arXiv:1503.02531, section 2",
    before=lambda spec: {} if teacher_free(spec.loss) else {"teacher": spec.teacher},
)
def offline(lab: Lab) -> Events:
    """Trains the teacher first, or takes one that is trained; each student then learns from its answers.

    Where the loss looks at no teacher, none is trained.
    """
    teacher = yield from lab.obtain("teacher")
    yield from lab.students(lambda student: lab.train(student, teacher=teacher), teacher=teacher)
