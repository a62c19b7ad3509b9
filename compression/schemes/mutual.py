"""Mutual learning: a student and its peer, trained at the same time from scratch."""

from collections.abc import Sequence
from typing import Annotated

from torch import Tensor

from compression.distillation import Batch, Seen, softened_divergence
from compression.schemes import SCHEMES, TEMPERATURE, WEIGHT, Events, Lab
from compression.texts import mark as _


@SCHEMES.register(
    title=_("Mutual learning: two peers"),
    source="Zhang, Xiang, Hospedales & Lu 2018, arXiv:1706.00384, section 3",
    beside=lambda spec: {"teacher": spec.teacher},
    titles={"teacher": _("Peer")},
    formula=r"\lambda T^2\,\mathrm{KL}\!\left(\sigma(z_p/T)\,\|\,\sigma(z_s/T)\right)",
    unused={
        "loss": _("the peers of mutual learning learn from one another by the scheme's own loss"),
        "label_weight": _("in mutual learning the labels weigh 1, and the scheme has a weight of the other's answers"),
        "teacher_train": _("in mutual learning the peer is trained along with the student, as `train` says"),
        "teacher.run": _("in mutual learning the peer is trained from scratch: name its architecture"),
        "teacher.weights": _("in mutual learning the peer is trained from scratch: name its architecture"),
    },
)
def mutual(
    lab: Lab,
    *,
    temperature: Annotated[float, TEMPERATURE] = 1.0,
    weight: Annotated[float, WEIGHT] = 1.0,
) -> Events:
    """Trains student and peer together from scratch: each learns from the labels and from what the other answers now.

    The peer has the architecture of the spec's teacher, and all else as the student has it: images, recipe, learning rate. Each
    minimizes CE(z, y) + weight * T² * KL(softened other || softened own), the mean over a batch.

    Differs: both networks answer a batch before either is updated, as in the authors' code, where Algorithm 1 of the paper shows
    the second what the first answers after its update. T² keeps gradients of one size where the temperature is not the paper's 1.
    """

    def answers(own: Seen, others: Sequence[Seen], _batch: Batch) -> dict[str, Tensor]:
        divergences = [softened_divergence(own.logits, other.logits, temperature) for other in others]
        return {"mutual": weight * temperature**2 * sum(divergences) / len(divergences)}

    yield from lab.students(lambda student: lab.train_together([student, student.beside["teacher"]], answers))
