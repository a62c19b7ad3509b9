"""Distillation that keeps the teacher's classifier: the student learns the features that it takes."""

from typing import Annotated

from torch import Tensor
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import Batch, Seen
from compression.schemes import SCHEMES, Events, Lab, Learner
from compression.texts import mark as _


@SCHEMES.register(
    title=_("SimKD: reuse the teacher's classifier"),
    source="Chen, Mei, Zhang, Wang, Feng & Chen 2022, arXiv:2203.14001, section 3.2",
    before=lambda spec: {"teacher": spec.teacher},
    teacher_share="alpha",
    projects="factor",
    formula=r"\alpha\,\overline{\left(p(e_s) - e_t\right)^2}",
    unused={
        "loss": _("the student of SimKD learns by the scheme's own loss, on what the teacher's classifier is given"),
        "label_weight": _("the labels weigh 1 - alpha in SimKD"),
    },
)
def simkd(
    lab: Lab,
    *,
    alpha: Annotated[
        float, Knob(_("Share of the teacher's features; labels have the rest"), low=0, high=1, step=0.05, symbol=r"\alpha")
    ] = 1.0,
    factor: Annotated[
        int, Knob(_("How many times narrower than the teacher's features the projector is within"), low=1, high=8, step=1)
    ] = 2,
) -> Events:
    """Ends the student in a projector and the teacher's own classifier, and trains it to give that the teacher's features.

    The student's last linear layer goes. A projector p of three linear layers, each with a batch norm and ReLU, makes of its
    embedding e_s one as long as the teacher's e_t, which the teacher's classifier then takes; its weights stay as they are. The
    projector is part of the student: of its parameters, its multiply-accumulates, its file and its latency.

    Differs: the paper's projector has convolutions (1x1, 3x3, 1x1) on the last feature map, before the average over the image;
    here it comes after the average, where every network has something to project, and is what the paper's is on one pixel.
    """

    def features(own: Seen, teacher: Seen, _batch: Batch) -> dict[str, Tensor]:
        return {"features": alpha * functional.mse_loss(own.embedding, teacher.embedding.detach())}

    teacher = yield from lab.obtain("teacher")

    def reuse(student: Learner) -> Events:
        lab.reuse_classifier(student, teacher, factor=factor)
        yield from lab.train(student, teacher=teacher, loss=features, needs=("embedding",), labels=1 - alpha)

    yield from lab.students(reuse, teacher=teacher)
