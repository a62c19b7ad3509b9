"""A student that is cut out of its teacher: it begins with the teacher's channels or layers."""

from typing import Annotated, Literal

from compression.catalog import Knob
from compression.schemes import SCHEMES, Events, Lab, Learner
from compression.texts import mark as _


@SCHEMES.register(
    title=_("Cut out of its teacher"),
    source="Sanh, Debut, Chaumond & Wolf 2019, arXiv:1910.01108, section 3; channels as in Li et al. 2017, arXiv:1608.08710",
    before=lambda spec: {"teacher": spec.teacher},
    beside=lambda spec: {"scratch": spec.student},
    inherits=lambda spec: spec.scheme["inherit"],
    titles={"scratch": _("From scratch")},
)
def cut(
    lab: Lab,
    *,
    inherit: Annotated[
        Literal["channels", "layers"],
        Knob(_("What the student begins with: of each layer its strongest channels, or layers spread evenly over the teacher")),
    ] = "channels",
) -> Events:
    """Starts the student with a part of its teacher; beside it one of its size learns the same way from a random start.

    The baseline differs from the student in two things: it starts at random, and it learns from the labels alone. The network
    called From scratch starts at random and learns from the teacher as the student does, so that against it the start alone
    differs. All three have the student's images, recipe and size.

    Channels need a teacher of the student's family that is as deep and wider; a layer keeps those channels whose weights have
    the largest sum of absolute values. Layers need a teacher that is deeper and of the student's widths: a run of layers alike
    gives as many as the student has, the first and the last among them.

    Differs: DistilBERT takes one layer out of two; here it is as many as the student has.
    """
    teacher = yield from lab.obtain("teacher")

    def both(student: Learner) -> Events:
        lab.inherit(student, teacher, inherit)
        yield from lab.train(student, teacher=teacher)
        yield from lab.train(student.beside["scratch"], teacher=teacher)

    yield from lab.students(both, teacher=teacher)
