"""Several teachers whose softened probabilities a student learns from, averaged or weighted by confidence."""

from typing import Annotated, Literal

from torch import Tensor
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import Batch, Seen
from compression.schemes import SCHEMES, TEMPERATURE, WEIGHT, Events, Lab
from compression.texts import mark as _


def confidence(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the weight (B, teachers) of each teacher for each example, by how well it knows the label; they sum to 1.

    Args:
        logits: (B, teachers, K), of at least two teachers.
        labels: (B,).

    Source: Zhang, Chen & Wang 2022, arXiv:2201.00007, equation 3.
    """
    wrong = -logits.log_softmax(2).gather(2, labels[:, None, None].expand(-1, logits.shape[1], 1))[..., 0]
    return (1 - wrong.softmax(1)) / (logits.shape[1] - 1)


def mixture(logits: Tensor, labels: Tensor, temperature: float, weighting: str) -> Tensor:
    """Return the probabilities (B, K) that teachers with logits (B, teachers, K) give together once they are softened."""
    softened = (logits / temperature).softmax(2)
    if weighting == "mean":
        return softened.mean(1)
    return (confidence(logits, labels)[..., None] * softened).sum(1)


@SCHEMES.register(
    title=_("Several teachers"),
    source="Hinton, Vinyals & Dean 2015, arXiv:1503.02531, section 5; Zhang, Chen & Wang 2022, arXiv:2201.00007, section 2",
    before=lambda spec: {"teacher": [spec.teacher] * spec.scheme["teachers"]},
    titles={"teacher": _("Ensemble")},
    formula=r"\lambda T^2\,\mathrm{KL}\!\left(\sum_k w_k\,\sigma(z_k/T)\,\|\,\sigma(z_s/T)\right)",
    unused={
        "loss": _("a student of several teachers learns by the scheme's own loss"),
        "label_weight": _("with several teachers the labels weigh 1, and the scheme has a weight of the teachers' answers"),
        "teacher.run": _("several teachers are trained from different seeds: name their architecture"),
        "teacher.weights": _("several teachers are trained from different seeds: name their architecture"),
    },
)
def ensemble(
    lab: Lab,
    *,
    teachers: Annotated[int, Knob(_("How many teachers of one architecture, each from a seed of its own"), low=2, high=8)] = 3,
    weighting: Annotated[
        Literal["mean", "confidence"],
        Knob(_("Whether all teachers count alike, or for each image those more that know its label")),
    ] = "mean",
    temperature: Annotated[float, TEMPERATURE] = 4.0,
    weight: Annotated[float, WEIGHT] = 1.0,
) -> Events:
    """Trains teachers from different seeds; each student learns from the labels and the mean of their softened probabilities.

    Probabilities are averaged, not logits: the mean of logits is another distribution, in which the most certain teacher
    outweighs the others. With `confidence` teacher k weighs (1 - softmax_k(CE_k)) / (teachers - 1) for an example, where CE_k is
    its cross-entropy on the label; one teacher alone would divide by zero, so there are at least two. The gradient is the same
    as that of the weighted sum of the divergences from the single teachers, from which the loss differs by a constant.

    Differs: of the two methods' features, which are compared as well in CA-MKD, nothing is used.
    """
    teacher = yield from lab.obtain("teacher")

    def answers(own: Seen, several: Seen, batch: Batch) -> dict[str, Tensor]:
        together = mixture(several.logits.detach(), batch.labels, temperature, weighting)
        divergence = functional.kl_div((own.logits / temperature).log_softmax(1), together, reduction="batchmean")
        return {"ensemble": weight * temperature**2 * divergence}

    yield from lab.students(lambda student: lab.train(student, teacher=teacher, loss=answers), teacher=teacher)
