"""Knowledge distillation between standardized logits; logits that are all equal become 0."""

from typing import Annotated

from torch import Tensor
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import DISTILLATION, SHARE, TEMPERATURE, Batch, Seen, softened_divergence
from compression.texts import mark as _


@DISTILLATION.register(
    title=_("KD of standardized logits"),
    source="Sun et al. 2024, arXiv:2403.01427, algorithm 1",
    per_example=True,
    teacher_share="alpha",
    formula=r"\lambda \alpha T^2\,\mathrm{KL}\!\left(\sigma(\hat z_t/T)\,\|\,\sigma(\hat z_s/T)\right)",
)
def logit_standardization(
    student: Seen,
    teacher: Seen,
    batch: Batch,
    *,
    temperature: Annotated[float, TEMPERATURE] = 2.0,
    alpha: Annotated[float, SHARE] = 0.9,
    factor: Annotated[
        float,
        Knob(
            _("What the teacher's weight is multiplied by: 1 as in KD, 10 in the authors' code"),
            low=0.1,
            high=30,
            step=0.1,
            logarithmic=True,
            symbol=r"\lambda",
        ),
    ] = 10.0,
) -> dict[str, Tensor]:
    """Matches softened probabilities once the logits of each example are shifted and scaled to mean 0 and standard deviation 1.

    The student need not have logits as large as the teacher's: only their order and relative distances count. With the defaults
    the teacher's part weighs 10 * 0.9 = 9 and the labels 0.1, as in the authors' comparison, where KD without standardization has
    0.9 and temperature 4. Three things differ there at once; `factor` 1 tells the standardization from the larger weight.

    One example and two classes: whatever its size, a pair of logits becomes (1, -1) or (-1, 1). At temperature 4 the teacher's
    probabilities are (0.622, 0.378) and the student's (0.378, 0.622): KL is 0.122459, and the loss 3 * 0.25 * 16 * 0.122459.

    >>> from torch import tensor
    >>> student, teacher = Seen(tensor([[0.0, 40.0]])), Seen(tensor([[9.0, 5.0]]))
    >>> batch = Batch(inputs=None, labels=tensor([0]), index=tensor([0]), step=0)
    >>> terms = logit_standardization(student, teacher, batch, temperature=4.0, alpha=0.25, factor=3.0)
    >>> round(float(terms["soft"]), 4)
    1.4695

    Returns:
        `soft`, 0-d: factor * alpha * T² * KL(teacher || student), the mean over examples. Alone, labels weigh 1 - alpha.
    """
    own, theirs = (functional.layer_norm(seen.logits, seen.logits.shape[1:]) for seen in (student, teacher))
    return {"soft": factor * alpha * temperature**2 * softened_divergence(own, theirs, temperature)}
