"""Self-distillation: a network's early exits learn from its last, and no teacher is trained."""

from collections.abc import Sequence
from typing import Annotated

from torch import Tensor, nn
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import Batch, Seen, softened_divergence
from compression.exits import Exit, exit_roles
from compression.schemes import SCHEMES, TEMPERATURE, Events, Lab, Learner
from compression.texts import mark as _


class ExitsLoss(nn.Module):
    """What the early exits of a network add to the loss of its last."""

    def __init__(self, exits: Sequence[Exit], temperature: float, alpha: float, feature_weight: float) -> None:
        super().__init__()
        self.exits, self.heads = exits, nn.ModuleList(early.head for early in exits)
        self.temperature, self.alpha, self.feature_weight = temperature, alpha, feature_weight

    def forward(self, own: Seen, _teacher: None, batch: Batch) -> dict[str, Tensor]:
        """Return `exits_hard`, `exits` and `exits_features`, 0-d: sums over the exits of means over the batch."""
        found = [early.head.both(own.features[early.stage]) for early in self.exits]
        hard = [functional.cross_entropy(logits, batch.labels) for _embedding, logits in found]
        soft = [softened_divergence(logits, own.logits, self.temperature) for _embedding, logits in found]
        near = [functional.mse_loss(embedding, own.embedding.detach()) for embedding, _logits in found]
        return {
            "exits_hard": (1 - self.alpha) * sum(hard),
            "exits": self.alpha * self.temperature**2 * sum(soft),
            "exits_features": self.feature_weight * sum(near),
        }


@SCHEMES.register(
    title=_("Early exits: the student teaches itself"),
    source="Zhang, Song, Gao, Chen, Bao & Ma 2019, arXiv:1905.08094, section 3",
    parts=lambda spec: exit_roles(spec.student, spec.dataset["name"], spec.scheme["exits"]),
    titles={"exit": _("Exit")},
    help=_("self-distillation"),
    formula=(
        r"\sum_k \bigl[-(1 - \alpha)\log\sigma_y(z_k) + \alpha T^2\,\mathrm{KL}\!\left(\sigma(z_s/T)\,\|\,\sigma(z_k/T)\right)"
        r" + \beta\,\overline{(e_k - e_s)^2}\bigr]"
    ),
    unused={
        "teacher": _("with early exits the student is its own teacher"),
        "teacher_train": _("with early exits the student is its own teacher"),
        "loss": _("early exits learn from the last one by the scheme's own loss"),
        "label_weight": _("the labels weigh 1 for the last exit and 1 - alpha for the early ones"),
    },
)
def early_exits(
    lab: Lab,
    *,
    exits: Annotated[int, Knob(_("Early exits at most; a network has one fewer than its stages"), low=1, high=8, step=1)] = 3,
    temperature: Annotated[float, TEMPERATURE] = 3.0,
    alpha: Annotated[
        float,
        Knob(_("Share of the last exit's answers in what early exits learn"), low=0, high=1, step=0.05, symbol=r"\alpha"),
    ] = 0.1,
    feature_weight: Annotated[
        float, Knob(_("Weight of the last exit's features for the early ones"), low=0, high=10, step=0.1, symbol=r"\beta")
    ] = 0.1,
) -> Events:
    """Trains the student with small exits after its stages, which learn from its last exit and from the labels; no teacher.

    Each early exit k is a head on the feature map of a stage, averaged to 4x4 pixels: a depthwise and a pointwise convolution,
    each with batch norm and ReLU, the average over the image, which is its embedding e_k, and a linear layer. It minimizes
    (1 - alpha) * CE(z_k, y) + alpha * T² * KL(softened last exit || softened exit k) + weight * mean((e_k - e_s)²), where the
    last exit, which learns from the labels, gets no gradient. The stages below get those of all exits.

    The exits count in training alone: the student is the plain network, with its file, multiply-accumulates and latency. The
    network that ends at exit k is a role of its own with its own, so that one sees what stopping early saves and costs.

    Differs: the paper's heads are bottlenecks of full size, and it gives no weights; those here are the reader's to turn.
    """

    def taught(student: Learner) -> Events:
        loss = ExitsLoss(lab.add_exits(student, most=exits), temperature, alpha, feature_weight)
        yield from lab.train(student, teacher=None, loss=loss, needs=("features", "embedding"))

    yield from lab.students(taught)
