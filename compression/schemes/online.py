"""Online distillation: a teacher that is trained from scratch along with its student."""

from collections.abc import Sequence
from typing import Annotated, Literal

from torch import Tensor
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import Batch, Seen, softened_divergence
from compression.schemes import SCHEMES, TEMPERATURE, WEIGHT, Events, Lab
from compression.texts import mark as _


@SCHEMES.register(
    title=_("Online: a teacher trained along"),
    source="Gou, Yu, Maybank & Tao 2021, arXiv:2006.05525, section 3.2",
    beside=lambda spec: {"teacher": spec.teacher},
    titles={"teacher": _("Co-trained teacher")},
    formula=r"\lambda T^2\,\mathrm{KL}\!\left(\sigma(z_t/T)\,\|\,\sigma(z_s/T)\right)",
    unused={
        "loss": _("a student of a teacher that is trained along learns by the scheme's own loss"),
        "label_weight": _("with a teacher that is trained along the labels weigh 1, and the scheme has a weight of its answers"),
        "teacher_train": _("the teacher is trained along with the student, as `train` says"),
        "teacher.run": _("the teacher is trained along with the student from scratch: name its architecture"),
        "teacher.weights": _("the teacher is trained along with the student from scratch: name its architecture"),
    },
)
def online(
    lab: Lab,
    *,
    answers: Annotated[
        Literal["soft", "hard"],
        Knob(_("Whether the student learns from the teacher's probabilities, or from the class it chooses, as from a label")),
    ] = "soft",
    temperature: Annotated[float, TEMPERATURE] = 4.0,
    weight: Annotated[float, WEIGHT] = 1.0,
) -> Events:
    """Trains teacher and student together from scratch: the student learns from the teacher's present answers, the teacher not.

    The teacher minimizes CE(z, y) alone; the student adds weight * T² * KL(softened teacher || softened student), or with hard
    answers weight * CE(z, the teacher's class). The teacher is the network that the labels alone would make of it: unlike in
    mutual learning it never hears of the student. It learns from the student's images, with its recipe and rate.
    """

    def taught(own: Seen, others: Sequence[Seen], _batch: Batch) -> dict[str, Tensor]:
        (teacher,) = others
        if answers == "hard":
            return {"online": weight * functional.cross_entropy(own.logits, teacher.logits.argmax(1))}
        return {"online": weight * temperature**2 * softened_divergence(own.logits, teacher.logits, temperature)}

    yield from lab.students(lambda student: lab.train_together([student, student.beside["teacher"]], [taught, None]))
