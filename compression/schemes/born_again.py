"""Born-again networks: generations of one architecture, each taught by the one before."""

from typing import Annotated

from compression.catalog import Knob
from compression.schemes import SCHEMES, Events, Lab, in_turn
from compression.texts import mark as _


@SCHEMES.register(
    title=_("Born-again generations"),
    source="Furlanello, Lipton, Tschannen, Itti & Anandkumar 2018, arXiv:1805.04770, section 3",
    before=lambda spec: {"teacher": spec.teacher},
    beside=lambda spec: {f"generation{place}": spec.student for place in range(1, spec.scheme["generations"])},
    titles={"generation": _("Generation")},
)
def born_again(
    lab: Lab,
    *,
    generations: Annotated[int, Knob(_("How many networks learn in turn; the student is the last of them"), low=2, high=5)] = 3,
) -> Events:
    """Trains networks of the student's architecture in turn, the first with the teacher and each next with the one before.

    The student is the last generation; each one before it has curve, accuracy and files of its own. All learn by the spec's loss,
    from weights of their own, on the student's images. With a teacher of the student's architecture these are the paper's
    born-again networks.

    Differs: the paper's teacher learned from the same images as the generations; here it learned from all of them, which is
    the same where the student sees all. The generations' ensemble is not built.
    """
    teacher = yield from lab.obtain("teacher")
    yield from lab.students(lambda student: in_turn(lab, student, teacher), teacher=teacher)
