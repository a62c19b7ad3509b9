"""Knowledge distillation in two parts: the target class, and the other classes among themselves.

The authors' code lets the weight of both rise over the first 20 of 240 epochs; the learning rate's schedule does that here. They
choose the weight of the others for each pair of networks: 2 for ResNet-56 and ResNet-20, 8 for ResNet-32x4 and ResNet-8x4, with
which a CNN of width 4 learns digits worse than alone. An MLP, without batch norm, wants half the learning rate that KD stands.
"""

from typing import Annotated

import torch
from torch import Tensor

from compression.catalog import Knob
from compression.distillation import DISTILLATION, TEMPERATURE, Batch, Seen, softened_divergence
from compression.texts import mark as _


@DISTILLATION.register(
    title=_("Decoupled KD (DKD)"),
    source="Zhao et al. 2022, arXiv:2203.08679, section 3.2",
    per_example=True,
    fewest_classes=3,
    softens=True,
    formula=(
        r"\alpha T^2\,\mathrm{KL}\!\left(\sigma_{y,\neg y}(z_t/T)\,\|\,\sigma_{y,\neg y}(z_s/T)\right)"
        r" + \beta T^2\,\mathrm{KL}\!\left(\sigma_{\neg y}(z_t/T)\,\|\,\sigma_{\neg y}(z_s/T)\right)"
    ),
)
def dkd(
    student: Seen,
    teacher: Seen,
    batch: Batch,
    *,
    temperature: Annotated[float, TEMPERATURE] = 4.0,
    target_weight: Annotated[
        float,
        Knob(_("Weight of how likely the label's class is, against all others"), low=0, high=10, step=0.25, symbol=r"\alpha"),
    ] = 1.0,
    others_weight: Annotated[
        float,
        Knob(_("Weight of the other classes' probabilities among themselves"), low=0, high=20, step=0.5, symbol=r"\beta"),
    ] = 2.0,
) -> dict[str, Tensor]:
    """Matches how sure the teacher is of the label's class, and apart from that how it ranks the other classes.

    KD is the same sum with an `others_weight` of 1 - p for each example, where p is the teacher's softened probability of the
    label's class: the surer the teacher, the less KD says of the other classes.

    One example of class 0 and three classes, at temperature 2. Teacher: (1/2, 1/4, 1/4); student: (1/4, 1/4, 1/2). The label's
    class: KL of (1/2, 1/2) to (1/4, 3/4), 0.143841. The others: KL of (1/2, 1/2) to (1/3, 2/3), 0.058892. Times 4:
    `target` is 0.5 * 4 * 0.143841, `others` is 3 * 4 * 0.058892.

    >>> from torch import tensor
    >>> student, teacher = (Seen(2 * tensor([row]).log()) for row in ([0.25, 0.25, 0.5], [0.5, 0.25, 0.25]))
    >>> batch = Batch(inputs=None, labels=tensor([0]), index=tensor([0]), step=0)
    >>> terms = dkd(student, teacher, batch, temperature=2.0, target_weight=0.5, others_weight=3.0)
    >>> round(float(terms["target"]), 6)
    0.287682
    >>> round(float(terms["others"]), 5)
    0.7067

    Returns:
        `target`, 0-d: target_weight * T² * KL of the two probabilities of the label's class and of all others.
        `others`, 0-d: others_weight * T² * KL of the other classes' probabilities, which sum to 1. Both are means over examples.
    """
    own, theirs = (_target_and_others(seen.logits / temperature, batch.labels) for seen in (student, teacher))
    target, others = (softened_divergence(*pair, 1.0) for pair in zip(own, theirs, strict=True))
    return {"target": target_weight * temperature**2 * target, "others": others_weight * temperature**2 * others}


def _target_and_others(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return logits (B, 2) of the label's class against all others, and (B, K - 1) of the others alone, for classes (B,)."""
    places = torch.arange(logits.shape[1] - 1, device=labels.device)
    target = labels[:, None]
    others = logits.gather(1, places + (places >= target).long())
    return torch.cat([logits.gather(1, target), others.logsumexp(1, keepdim=True)], 1), others
